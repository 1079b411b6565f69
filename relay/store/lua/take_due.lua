-- Move on the schedules that are due and on time, where nothing needs thought: the calendar of
-- their plan is given. Their syncs wait together in one piece, until a worker has room for them.
-- KEYS  1 due schedules  2 pieces of waiting syncs  3 meta
-- ARGV  1 due up to, epoch seconds  2 what was due before is late  3 how many at most  4 now, ms
--       5 companies and data types that are looked at one by one, with a space between
--       6... per slot of a plan: its mark, first second, first second after it, seconds to the
--       same place in the next slot, period
-- Gives {syncs left, how many of those looked at stay due}
-- Commands are few and wide, as a million schedules may fall due at once.
-- Resend: the second takes those that come after, which are due too.
local found = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[1] + 1, 'BYSCORE', 'LIMIT', 0,
  ARGV[3], 'WITHSCORES')
local plans = {}
for i = 6, #ARGV, 5 do
  local slot = {tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), ARGV[i + 4]}
  local slots = plans[ARGV[i]] or {}
  slots[#slots + 1] = slot
  plans[ARGV[i]] = slots
end
local held, any_held, none, on_time = {}, false, {}, tonumber(ARGV[2])
for word in string.gmatch(ARGV[5], '%S+') do
  held[word], any_held = none, true
end
local find, sub, format, floor = string.find, string.sub, string.format, math.floor
local moved, piece, n = {}, {ARGV[4]}, 0
for i = 1, #found, 2 do
  local member, due = found[i], floor(found[i + 1])
  local first = find(member, '|', 1, true)
  local second = find(member, '|', first + 1, true) or #member
  local slots = plans[sub(member, second + 1)] or none
  if any_held then
    slots = held[sub(member, 1, first - 1)] or held[sub(member, first + 1, second - 1)] or slots
  end
  for s = 1, due >= on_time and #slots or 0 do
    local slot = slots[s]
    if due >= slot[1] and due < slot[2] then
      n = n + 1
      moved[2 * n - 1], moved[2 * n] = format('%d.5', due + slot[3]), member
      piece[n + 1] = sub(member, 1, second) .. slot[4]
      break
    end
  end
end
if n > 0 then
  redis.call('ZADD', KEYS[1], unpack(moved))
  redis.call('RPUSH', KEYS[2], table.concat(piece, ' '))
  redis.call('HINCRBY', KEYS[3], 'syncs_waiting', n)
end
return {n, #found / 2 - n}
