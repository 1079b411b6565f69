-- Begin a reconciliation, unless one that covers as much is running or this one was begun before.
-- KEYS  1 the run  2 all runs  3 the run that goes on over all companies, if any
-- ARGV  1 run  2 now, ms  3 '1' when it covers all companies  4 how long to keep it, ms
--       5 intent key prefix  6 due-set key prefix  7 priority  8 cause  9... field, value ...
-- Returns {run that goes on, 1 when it was begun by this call}
-- Resend: the run exists and is given again, as not begun by this call; its intent is there.
if redis.call('HEXISTS', KEYS[1], 'phase') == 1 then return {ARGV[1], 0} end
local running = redis.call('GET', KEYS[3])
if running and ARGV[3] == '1' then
  local state = redis.call('HGET', ARGV[5] .. 'reconcile:' .. running, 'state')
  if state and state ~= 'dead' then return {running, 0} end
  -- Nobody works on it any more, so it must not stand in the way of those that come after.
  local stuck = KEYS[1]:sub(1, #KEYS[1] - #ARGV[1]) .. running
  if redis.call('EXISTS', stuck) == 1 then
    redis.call('HSET', stuck, 'phase', 'aborted', 'finished', ARGV[2])
  end
end
put_intent(ARGV[5], ARGV[6], 'reconcile:' .. ARGV[1], '', ARGV[7], ARGV[2], '{}', ARGV[8], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2] - ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if ARGV[3] == '1' then redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[4]) end
local fields = {}
for i = 9, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {ARGV[1], 1}
