-- Move on those of some schedules that are due and on time, where nothing needs thought: the
-- calendar of their plan is given. Their syncs wait together in one piece, until a worker has room.
-- KEYS  1 due schedules  2 pieces of waiting syncs  3 meta
-- ARGV  1 due up to, epoch seconds  2 what was due before is late  3 now, ms
--       4 how many values follow that are no schedules
--       5... per calendar: how many schedules follow it, how many slots it has; per slot: first
--       second, first second after it, seconds to the same place in the next slot, period;
--       then the schedules, as the list of what is due has them, calendar by calendar
-- Returns how many were moved on, and their syncs left
-- Commands are few and wide, as a million schedules may fall due at once.
-- Resend: their due times have moved on, and the second does nothing.
local last = 4 + ARGV[4]
local calendars, read = {}, 5  -- of each schedule
while read <= last do
  local slots, after = {}, read + 2 + 4 * ARGV[read + 1]
  for i = read + 2, after - 1, 4 do
    slots[#slots + 1] =
      {tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3]}
  end
  for _ = 1, ARGV[read] do
    calendars[#calendars + 1] = slots
  end
  read = after
end
local sub, format, floor = string.sub, string.format, math.floor
local up_to, on_time, none = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
local scores = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, last + 1))
local moved, piece, n = {}, {ARGV[3]}, 0
for i = 1, #scores do
  local member, due = ARGV[last + i], scores[i] and floor(scores[i])
  local slots = due and due >= on_time and due <= up_to and calendars[i] or none
  for s = 1, #slots do
    local slot = slots[s]
    if due >= slot[1] and due < slot[2] then
      n = n + 1
      moved[2 * n - 1], moved[2 * n] = format('%d.5', due + slot[3]), member
      piece[n + 1] = sub(member, 1, -9) .. slot[4]
      break
    end
  end
end
if n > 0 then
  redis.call('ZADD', KEYS[1], unpack(moved))
  redis.call('RPUSH', KEYS[2], table.concat(piece, ' '))
  redis.call('HINCRBY', KEYS[3], 'syncs_waiting', n)
end
return n
