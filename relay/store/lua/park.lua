-- Take schedules that a pause holds back off the list of what is due, and keep when they were due.
-- KEYS  1 due schedules  2... parked schedules, one key per pause
-- ARGV  per schedule: member, due as read (seconds), number of its pause's key
-- Gives how many were parked
-- Resend: they are not due any more, and the second does nothing.
local parked = 0
for i = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and math.floor(score) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZADD', KEYS[tonumber(ARGV[i + 2])], score, ARGV[i])
    parked = parked + 1
  end
end
return parked
