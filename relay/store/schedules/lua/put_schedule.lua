-- Set, change or remove one schedule and put an action into its lane, unless it changed, or a
-- tick dispatched, parked or let go a run of it meanwhile.
-- KEYS  1 the company's schedules  2 where it stood: due schedules, or those parked under a pause
--       3 where it shall stand, likewise  4 why it is late  5 the company's lane  6 waiting lanes
-- ARGV  1 company  2 data type  3 text as read, or ''  4 text to write, or '' to remove
--       5 score as read, or ''  6 score to write, or '' when it shall not run
--       7 the last periods that were dispatched, with a space between, or ''  8 the lane's number
--       9... field, value ... of the action that records it; none: no action
-- Returns {1 written | 0 it was not as read, 1 when the lane needs a hint}
-- Resend: the second finds it as it wrote it, and does nothing.
local held = redis.call('HGET', KEYS[1], ARGV[2]) or ''
local from, to = due_member(ARGV[1], ARGV[2], ARGV[3]), due_member(ARGV[1], ARGV[2], ARGV[4])
if held == ARGV[4] and (redis.call('ZSCORE', KEYS[3], to) or '') == ARGV[6] then
  return {1, 1}
end
if held ~= ARGV[3] or (redis.call('ZSCORE', KEYS[2], from) or '') ~= ARGV[5] then
  return {0, 0}
end
local why = redis.call('HGET', KEYS[4], from)
redis.call('HDEL', KEYS[4], from)
redis.call('ZREM', KEYS[2], from)
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], ARGV[2])
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
end
if ARGV[7] == '' then
  redis.call('HDEL', KEYS[1], ARGV[2] .. '#period')
else
  redis.call('HSET', KEYS[1], ARGV[2] .. '#period', ARGV[7])
end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[6], to)
  if why and ARGV[5] == ARGV[6] then redis.call('HSET', KEYS[4], to, why) end
end
if #ARGV < 9 then return {1, 0} end
put_in_lane(KEYS[5], {unpack(ARGV, 9)})
return {1, redis.call('ZADD', KEYS[6], 'NX', now_ms(), ARGV[8])}
