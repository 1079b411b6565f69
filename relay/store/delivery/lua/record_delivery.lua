-- Record what came of one delivery: only its current holder may.
-- KEYS  1 the subscription  2 deliveries  3 its attempts taken, or those not taken
--       4 the lane of the action  5 waiting lanes
-- ARGV  1 id  2 fence  3 go on | hand on | idle | later | pause  4 cursor, or '' to keep it
--       5 end of the window that is tried again, or ''  6 due again in, ms
--       7 '1' when the attempt was slow, or ''
--       8 why it is paused, or ''  9 the attempt as JSON, or '' for none  10 attempts kept
--       11 the lane's number  12... field, value ... of the action that records the pause
-- Returns {1 recorded | 0 someone else holds it now, 1 when the lane needs a hint}
-- Resend: the fence is raised where the holder lets go; else the second writes the same again,
-- and lists the attempt twice at worst.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then
  return {0, 0}
end
local verdict = ARGV[3]
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[4], 'failures', 0, 'failing_since', '',
    'moved', string.format('%d', now_ms()))
end
redis.call('HSET', KEYS[1], 'window', ARGV[5])
if ARGV[9] ~= '' then
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[10], '*', 'attempt', ARGV[9])
  redis.call('HSET', KEYS[1], 'slow', ARGV[7])
end
local woke = 0
if verdict == 'later' or verdict == 'pause' then
  redis.call('HINCRBY', KEYS[1], 'failures', 1)
  if (redis.call('HGET', KEYS[1], 'failing_since') or '') == '' then
    redis.call('HSET', KEYS[1], 'failing_since', string.format('%d', now_ms()))
  end
end
if verdict ~= 'go on' then
  redis.call('HINCRBY', KEYS[1], 'fence', 1)
end
if verdict == 'pause' then
  redis.call('HSET', KEYS[1], 'state', 'paused', 'reason', ARGV[8])
  redis.call('ZREM', KEYS[2], ARGV[1])
  local entry = {}
  for i = 12, #ARGV do
    entry[#entry + 1] = ARGV[i]
  end
  put_in_lane(KEYS[4], entry)
  woke = redis.call('ZADD', KEYS[5], 'NX', now_ms(), ARGV[11])
else
  redis.call('ZADD', KEYS[2], string.format('%d', now_ms() + ARGV[6]), ARGV[1])
end
return {1, woke}
