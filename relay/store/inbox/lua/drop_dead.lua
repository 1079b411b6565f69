-- Forget work that was given up long ago: that it was, and why, is in the event log.
-- KEYS  1 dead intents
-- ARGV  1 given up before, ms  2 intent key prefix  3 how many at most
-- Returns how many went
-- Resend: the second finds the next ones, which were to go anyway.
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(old) do
  redis.call('ZREM', KEYS[1], name)
  local key = ARGV[2] .. name
  if redis.call('HGET', key, 'state') == 'dead' then redis.call('DEL', key) end
end
return #old
