-- Write a journey and tell its company's lane what happened, unless someone wrote it meanwhile.
-- KEYS  1 the journey  2 all journeys  3 open journeys  4 tokens  5 the lane's stream
--       6 waiting lanes
-- ARGV  1 nonce of this call  2 version as read, '' for a new one  3 the journey, JSON
--       4 its id  5 when it ends, ms; '' once it has ended  6 hash of the link that no longer
--       works, or ''  7 hash of the link that does, or ''  8 the lane's number
--       9... action id, type, company, body of each message
-- Returns {1 written | 0 not as read, 1 when the lane was idle and needs a hint}
-- Resend: the journey carries the nonce, so our own second sending hears "written" again, with a
-- hint (one too many is harmless), and tells nothing twice.
local held = redis.call('HMGET', KEYS[1], 'version', 'nonce')
if held[2] == ARGV[1] then
  return {1, 1}
end
if (held[1] or '') ~= ARGV[2] then
  return {0, 0}
end
local version = (tonumber(held[1] or '0')) + 1
redis.call('HSET', KEYS[1], 'version', version, 'nonce', ARGV[1], 'state', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
if ARGV[5] == '' then
  redis.call('ZREM', KEYS[3], ARGV[4])
else
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
end
if ARGV[6] ~= '' then
  redis.call('HDEL', KEYS[4], ARGV[6])
end
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[7], ARGV[4])
end
local woke = 0
for i = 9, #ARGV, 4 do
  put_in_lane(KEYS[5], {'kind', 'action', 'id', ARGV[i], 'type', ARGV[i + 1],
    'company', ARGV[i + 2], 'body', ARGV[i + 3]})
  if redis.call('ZADD', KEYS[6], 'NX', now_ms(), ARGV[8]) == 1 then
    woke = 1
  end
end
return {1, woke}
