-- Put some kept messages into their lane once more, and move the replay on past them.
-- KEYS  1 the replay  2 replays that run  3 the lane's stream  4 waiting lanes  5 dead letters
-- ARGV  1 position as read  2 position to move to  3 running | queued (no more will follow)
--       4 the replay's id  5 the lane's number  6 number of messages, then for each:
--       its dead letter's id or '', number of values, field, value ...
-- Returns {1 moved | 0 it is elsewhere by now or was aborted, 1 when the lane needs a hint}
-- Resend: the position has moved, and the second does nothing; a lane left without its hint is
-- found by the sweeper.
local held = redis.call('HMGET', KEYS[1], 'position', 'state')
if held[1] ~= ARGV[1] or held[2] ~= 'running' then
  return {0, 0}
end
local count = tonumber(ARGV[6])
local i = 7
for _ = 1, count do
  local values = tonumber(ARGV[i + 1])
  put_in_lane(KEYS[3], {unpack(ARGV, i + 2, i + 1 + values)})
  if ARGV[i] ~= '' then
    redis.call('XDEL', KEYS[5], ARGV[i])
  end
  i = i + 2 + values
end
local woke = 0
if count > 0 then
  woke = redis.call('ZADD', KEYS[4], 'NX', now_ms(), ARGV[5])
end
redis.call('HINCRBY', KEYS[1], 'queued', count)
redis.call('HSET', KEYS[1], 'position', ARGV[2], 'state', ARGV[3])
if ARGV[3] == 'queued' then
  redis.call('SREM', KEYS[2], ARGV[4])
end
return {1, woke}
