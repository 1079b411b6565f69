-- Take schedules that a pause holds back off the list of what is due, and keep when they were due.
-- KEYS  1 due schedules  2 pauses  3 ids of those that hold something back
--       4... parked schedules, one key per pause
-- ARGV  1 how many pauses, then the id of each, then per schedule: member, due as read (seconds),
--       which of the pauses
-- Returns how many were parked
-- Nothing is parked under a pause that is off or gone, as nobody would let it go again.
-- Resend: they are not due any more, and the second does nothing.
local pauses, on, under, parked = tonumber(ARGV[1]), {}, {}, 0
for n = 1, pauses do
  on[n] = pause_is_on(KEYS[2], ARGV[n + 1])
end
for i = pauses + 2, #ARGV, 3 do
  local n = tonumber(ARGV[i + 2])
  local score = on[n] and redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and math.floor(score) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZADD', KEYS[n + 3], score, ARGV[i])
    parked, under[n] = parked + 1, true
  end
end
for n in pairs(under) do
  redis.call('SADD', KEYS[3], ARGV[n + 1])
end
return parked
