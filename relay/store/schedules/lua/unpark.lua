-- Put schedules that a pause held back where they were: due when they were due, so that their
-- catch-up rule decides. One that was set again meanwhile keeps its new time.
-- KEYS  1 due schedules  2 schedules parked under the pause  3 pauses  4 ids of those that hold
--       something back  5 meta  6 why schedules are late
-- ARGV  1 how many at most  2 the pause's id  3 '1' when it is over and shall be forgotten
--       4 schedules key prefix  5 seconds by which one may be late and still is on time
-- Returns how many are still parked and shall be let go: none while the pause is on
-- Resend: the second takes the next ones, which were to go anyway.
if pause_is_on(KEYS[3], ARGV[2]) then return 0 end
local text, why = redis.call('HGET', KEYS[3], ARGV[2]), nil
if text then
  local pause = cjson.decode(text)
  why = 'held back by pause ' .. pause.id .. ' of ' .. pause.owner .. ' (' .. pause.reason .. ')'
end
local on_time = now_ms() / 1000 - ARGV[5]
local found = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local company, data_type = string.match(found[i], '^([^|]*)|([^|]*)')
  local text = redis.call('HGET', ARGV[4] .. company, data_type)
  if text and due_member(company, data_type, text) == found[i] then
    redis.call('ZADD', KEYS[1], 'NX', found[i + 1], found[i])
    if why and tonumber(found[i + 1]) < on_time then
      redis.call('HSET', KEYS[6], found[i], why)
    end
  end
  redis.call('ZREM', KEYS[2], found[i])
end
local left = redis.call('ZCARD', KEYS[2])
if left == 0 then
  redis.call('SREM', KEYS[4], ARGV[2])
  if ARGV[3] == '1' and redis.call('HDEL', KEYS[3], ARGV[2]) == 1 then
    redis.call('HINCRBY', KEYS[5], 'pauses_version', 1)
  end
end
return left
