-- Put schedules that a pause held back where they were: due when they were due, so that their
-- catch-up rule decides. One that was set anew meanwhile keeps its new time.
-- KEYS  1 due schedules  2 schedules parked under the pause  3 pauses  4 why schedules are late
-- ARGV  1 how many at most  2 the pause's id when it is over and shall be forgotten, or ''
--       3 schedules key prefix  4 what was due before this second is late  5 the pause in words
-- Gives how many are still parked
-- Resend: the second takes the next ones, which were to go anyway.
local found = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local company, data_type = string.match(found[i], '^([^|]*)|([^|]*)')
  local text = redis.call('HGET', ARGV[3] .. company, data_type)
  if text and due_member(company, data_type, text) == found[i] then
    redis.call('ZADD', KEYS[1], 'NX', found[i + 1], found[i])
    if tonumber(found[i + 1]) < tonumber(ARGV[4]) then
      redis.call('HSET', KEYS[4], found[i], ARGV[5])
    end
  end
  redis.call('ZREM', KEYS[2], found[i])
end
local left = redis.call('ZCARD', KEYS[2])
if left == 0 and ARGV[2] ~= '' then
  redis.call('HDEL', KEYS[3], ARGV[2])
end
return left
