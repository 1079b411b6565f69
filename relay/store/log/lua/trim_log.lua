-- Drop the log's old end.
-- KEYS  1 log  2 meta  3 marks of the log  4 numbers of erased events
-- ARGV  1 number of the last event to drop
-- Returns how many entries went
-- Resend: there is nothing left to drop.
local last = tonumber(ARGV[1])
local gone = redis.call('XTRIM', KEYS[1], 'MINID', string.format('%d-0', last + 1))
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', last)
redis.call('HSET', KEYS[2], 'log_oldest', ARGV[1])
for _, mark in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  if tonumber(mark) > last then break end
  redis.call('ZREM', KEYS[3], mark)
end
return gone
