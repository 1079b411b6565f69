-- Record how an intent ended: only its current holder may.
-- KEYS  1 the intent  2 dead intents  3 in-flight of its company  4 the company's lane
--       5 waiting lanes  6 where this call's answer is remembered
-- ARGV  1 name  2 fence  3 done | later | dead  4 now, ms  5 due again at, ms (for later)
--       6 last error, or ''  7 the lane's number
--       8 'expected' when the attempt does not count (the wait is normal), 'held' when Codat asked
--       for the wait, so that no new need shortens it, or ''
--       9 since when it fails, ms, or ''  10 how often Codat has refused it, 0 for never
--       11 the priority to wait at from now on, or ''  12 due-set key prefix
--       13... field, value ... of the action that records the outcome; none: no action
-- Returns {1 recorded | 0 someone else holds it now, 1 when the lane needs a hint}
-- An attempt that counts may have had its effect at Codat, whatever the answer: when it ended is
-- noted as `tried`, which outlives a need that came meanwhile, and a dead letter's revival.
-- Resend: the answer to this nonce is remembered; any later sending with this fence finds the
-- intent gone, or not running.
local before = remembered(KEYS[6])
if before then return before end
local held = redis.call('HMGET', KEYS[1], 'fence', 'state', 'again', 'attempts', 'priority')
if held[1] ~= ARGV[2] or held[2] ~= 'running' then
  return {0, 0}
end
local woke = 0
if #ARGV >= 13 then
  local entry = {}
  for i = 13, #ARGV do
    entry[#entry + 1] = ARGV[i]
  end
  put_in_lane(KEYS[4], entry)
  woke = redis.call('ZADD', KEYS[5], 'NX', now_ms(), ARGV[7])
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', ARGV[12] .. held[5], ARGV[1])
if ARGV[3] == 'done' and not held[3] then
  redis.call('DEL', KEYS[1])
  return remember(KEYS[6], {1, woke})
end
if ARGV[8] ~= 'expected' then redis.call('HSET', KEYS[1], 'tried', ARGV[4]) end
redis.call('HSET', KEYS[1], 'last_error', ARGV[6])
redis.call('HDEL', KEYS[1], 'again', 'not_before', 'failing_since', 'refusals')
if ARGV[3] == 'dead' and not held[3] then
  redis.call('HSET', KEYS[1], 'state', 'dead')
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
else
  local due = tonumber(ARGV[5])
  local attempts = tonumber(held[4])
  local priority = held[5]
  if ARGV[8] == 'expected' then attempts = attempts - 1 end
  if held[3] and (ARGV[3] ~= 'later' or ARGV[8] == 'expected') then
    due = tonumber(held[3])
    attempts = 0
  end
  if ARGV[11] ~= '' and not held[3] then priority = ARGV[11] end
  redis.call('HSET', KEYS[1], 'state', 'due', 'attempts', attempts, 'priority', priority)
  if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'failing_since', ARGV[9]) end
  if ARGV[10] ~= '0' then redis.call('HSET', KEYS[1], 'refusals', ARGV[10]) end
  if ARGV[8] == 'held' then redis.call('HSET', KEYS[1], 'not_before', ARGV[5]) end
  redis.call('ZADD', ARGV[12] .. priority, string.format('%d', due), ARGV[1])
end
return remember(KEYS[6], {1, woke})
