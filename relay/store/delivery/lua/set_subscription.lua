-- Make, change, pause, resume or remove a subscription, unless someone changed it meanwhile.
-- KEYS  1 the subscription  2 deliveries  3 all subscriptions  4 its attempts taken
--       5 the lane of the action  6 waiting lanes  7 its attempts not taken
-- ARGV  1 id  2 JSON as read, or ''  3 JSON to write, or '' to remove  4 cursor, or '' to keep it
--       5 active | paused, or '' to keep it  6 why it is paused  7 the lane's number
--       8... field, value ... of the action that records it; none: no action
-- Returns {1 written | 0 not as read, 1 when the lane needs a hint}
-- Resend: the second finds it as it wrote it and writes the same again; the message could be told
-- twice then, so it goes only with a change of state.
local held = redis.call('HMGET', KEYS[1], 'config', 'state', 'reason')
local config = held[1] or ''
if config ~= ARGV[2] and config ~= ARGV[3] then
  return {0, 0}
end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1], KEYS[4], KEYS[7])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  return {1, 0}
end
local before = held[2]
-- Whoever is delivering now did not see this: what it records is dropped.
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'config', ARGV[3], 'failures', 0, 'failing_since', '', 'window', '',
  'moved', string.format('%d', now_ms()))
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[4])
end
local state = ARGV[5]
if state == '' then state = before or 'active' end
redis.call('HSET', KEYS[1], 'state', state)
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'reason', ARGV[6])
end
redis.call('ZADD', KEYS[3], 0, ARGV[1])
if state == 'active' then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
local woke = 0
if #ARGV >= 8 and before and before ~= state then
  local entry = {}
  for i = 8, #ARGV do
    entry[#entry + 1] = ARGV[i]
  end
  put_in_lane(KEYS[5], entry)
  woke = redis.call('ZADD', KEYS[6], 'NX', now_ms(), ARGV[7])
end
return {1, woke}
