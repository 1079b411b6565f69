-- Release a lane when it is empty; keep it when a message came in between.
-- KEYS  1 waiting lanes  2 leases  3 cursors  4 the lane's stream
-- ARGV  1 owner  2 the lane's number  3 '1' to release it although messages are left
-- One that is given back with messages left has had its turn, and waits behind the others.
-- Returns 1 when given back, 0 when messages are left and the lease is kept, -1 when it was not ours
-- Resend: the second finds the lease gone (-1), which the caller takes as given back.
local lease = redis.call('HGET', KEYS[2], ARGV[2])
if not lease or string.match(lease, '^(%S+) ') ~= ARGV[1] then
  return -1
end
local cursor = redis.call('HGET', KEYS[3], ARGV[2]) or '0-0'
local left = #redis.call('XRANGE', KEYS[4], '(' .. cursor, '+', 'COUNT', 1) > 0
if left and ARGV[3] ~= '1' then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[2])
if left then
  redis.call('ZADD', KEYS[1], string.format('%d', now_ms()), ARGV[2])
else
  redis.call('ZREM', KEYS[1], ARGV[2])
end
return 1
