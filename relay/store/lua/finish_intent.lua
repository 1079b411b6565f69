-- Record how an intent ended: only its current holder may.
-- KEYS  1 the intent  2 due set of its priority  3 dead intents  4 in-flight of its company
--       5 the company's lane  6 waiting lanes  7 where this call's answer is remembered
-- ARGV  1 name  2 fence  3 done | later | dead  4 now, ms  5 due again at, ms (for later)
--       6 last error, or ''  7 the lane's number
--       8 'expected' when the attempt does not count (the wait is normal), 'held' when Codat asked
--       for the wait, so that no new need shortens it, or ''
--       9... field, value ... of the message the outcome is told in; none: nothing to tell
-- Gives {1 recorded | 0 someone else holds it now, 1 when the lane needs a hint}
-- Resend: the answer to this nonce is remembered; any later sending with this fence finds the
-- intent gone, or not running.
local before = remembered(KEYS[7])
if before then return before end
local held = redis.call('HMGET', KEYS[1], 'fence', 'state', 'again', 'attempts')
if held[1] ~= ARGV[2] or held[2] ~= 'running' then
  return {0, 0}
end
local woke = 0
if #ARGV >= 9 then
  local entry = {}
  for i = 9, #ARGV do
    entry[#entry + 1] = ARGV[i]
  end
  redis.call('XADD', KEYS[5], '*', unpack(entry))
  woke = redis.call('ZADD', KEYS[6], 'NX', now_ms(), ARGV[7])
end
redis.call('ZREM', KEYS[4], ARGV[1])
if ARGV[3] == 'done' and not held[3] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif ARGV[3] == 'dead' and not held[3] then
  redis.call('HSET', KEYS[1], 'state', 'dead', 'last_error', ARGV[6])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
else
  local due = tonumber(ARGV[5])
  local attempts = tonumber(held[4])
  if ARGV[8] == 'expected' then attempts = attempts - 1 end
  if held[3] and (ARGV[3] ~= 'later' or ARGV[8] == 'expected') then
    due = tonumber(held[3])
    attempts = 0
  end
  redis.call('HSET', KEYS[1], 'state', 'due', 'attempts', attempts, 'last_error', ARGV[6])
  redis.call('HDEL', KEYS[1], 'again', 'not_before')
  if ARGV[8] == 'held' then redis.call('HSET', KEYS[1], 'not_before', ARGV[5]) end
  redis.call('ZADD', KEYS[2], string.format('%d', due), ARGV[1])
end
return remember(KEYS[7], {1, woke})
