-- Set, change or remove one schedule, unless someone changed it meanwhile.
-- KEYS  1 the company's schedules  2 due schedules
-- ARGV  1 data type  2 JSON as read, or ''  3 JSON to write, or '' to remove
--       4 member of the due set  5 due at, epoch seconds, or '' when it shall not run
--       6 '1' to forget the last period (the cadence changed)
-- Gives 1 when written, 0 when it was not as read
-- Resend: the second finds it as it wrote it, and writes the same again.
local held = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if held ~= ARGV[2] and held ~= ARGV[3] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1], ARGV[1] .. '#period')
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
if ARGV[6] == '1' then
  redis.call('HDEL', KEYS[1], ARGV[1] .. '#period')
end
if ARGV[5] == '' or ARGV[3] == '' then
  redis.call('ZREM', KEYS[2], ARGV[4])
else
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
end
return 1
