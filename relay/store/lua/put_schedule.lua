-- Set, change or remove one schedule, unless someone changed it or dispatched a run meanwhile.
-- KEYS  1 the company's schedules  2 due schedules
-- ARGV  1 company  2 data type  3 JSON as read, or ''  4 JSON to write, or '' to remove
--       5 score in the due set as read, or ''  6 due at, epoch seconds, or '' when it shall not run
--       7 the last period that was dispatched, or ''
-- Gives 1 when written, 0 when it was not as read
-- Resend: the second finds it as it wrote it, and does nothing.
local held = redis.call('HGET', KEYS[1], ARGV[2]) or ''
local from, to = due_member(ARGV[1], ARGV[2], ARGV[3]), due_member(ARGV[1], ARGV[2], ARGV[4])
if held == ARGV[4] and (redis.call('ZSCORE', KEYS[2], to) or '') == ARGV[6] then
  return 1
end
if held ~= ARGV[3] or (redis.call('ZSCORE', KEYS[2], from) or '') ~= ARGV[5] then
  return 0
end
redis.call('ZREM', KEYS[2], from)
redis.call('HDEL', KEYS[1], ARGV[2] .. '#period')
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], ARGV[2])
  return 1
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[2] .. '#period', ARGV[7])
end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[6], to)
end
return 1
