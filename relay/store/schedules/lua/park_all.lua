-- Take all that is due off that list while a pause of everything is on, and keep when it was due.
-- KEYS  1 due schedules  2 pauses  3 ids of those that hold something back
--       4 schedules parked under the pause
-- ARGV  1 its id  2 due up to, epoch seconds  3 how many at most
-- Returns how many were parked, -1 when the pause is off or gone
-- Resend: the second takes those that come after, which the pause holds back too.
if not pause_is_on(KEYS[2], ARGV[1]) then return -1 end
local found = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[2] + 1, 'BYSCORE', 'LIMIT', 0,
  ARGV[3], 'WITHSCORES')
local members, pairs_ = {}, {}
for i = 1, #found, 2 do
  members[#members + 1] = found[i]
  pairs_[i], pairs_[i + 1] = found[i + 1], found[i]
end
if #members > 0 then
  redis.call('ZREM', KEYS[1], unpack(members))
  redis.call('ZADD', KEYS[4], unpack(pairs_))
  redis.call('SADD', KEYS[3], ARGV[1])
end
return #members
