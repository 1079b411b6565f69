-- Take a lease that one at a time may have, or release it.
-- KEYS  1 the lease
-- ARGV  1 owner, fresh for each lease  2 how long, ms; 0 releases it
-- Returns 1, or 0 while it is another's
-- Resend: the owner already holds it and gets the same answer; what was released and taken by another
-- meanwhile is left alone.
-- One that lasts for far longer than is asked for was taken while the server's clock was ahead.
local holder = redis.call('GET', KEYS[1])
if holder and ARGV[2] ~= '0' and redis.call('PTTL', KEYS[1]) > 10 * ARGV[2] then holder = nil end
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
