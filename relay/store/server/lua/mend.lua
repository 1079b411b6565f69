-- Mend what the server's clock wrote while it was ahead: a lease, a wait or a hold that ends later
-- than any can. Without that it would stand until that time has come.
-- KEYS  1 waiting lanes  2 leases  3 deliveries  4 calls of the last minute  5 all calls under way
--       6 hold  7 the day's budget  8 meta  9 counters  10 signs of life  11 silences
--       12... flags that expire
-- ARGV  1 due-set key prefix  2 intent key prefix  3 the longest lease of a lane, ms
--       4 the longest wait of a delivery  5 the longest wait of an intent  6 the longest that a
--       worker has an intent, and the longest wait that was not asked for  7 the longest hold
--       8 the longest call  9 by how much a clock may be moved without a closer look
--       10 priorities  11 how many to look at of each  12 how long events are remembered, ms
--       13... how long each flag may stand, ms
-- Returns {how many were mended, 1 when more are to be looked at, 1 when schedules are}
-- A clock that goes on by more than a day is doubted for a day: `in_doubt` keeps from deleting by it.
-- A leap by half of the time for which events are remembered has markers expire that are needed:
-- for as long as that, `doubted_to` has each webhook compared with what the log holds of it.
-- When the clock was set back, every wait that is longer than a usual one may be of the time before
-- and ends now: a look too early costs little. A wait that Codat asked for stays.
-- Resend: the second finds nothing left to mend, and what it answers is kept until it is done.
local now = now_ms()
local day, remember = 86400000, tonumber(ARGV[12])
local text = string.format('%d', now)
local slack = tonumber(ARGV[9])
local mended = 0
local function ends(set, longest, at)
  local late = redis.call('ZRANGEBYSCORE', set, '(' .. string.format('%d', now + longest), '+inf',
    'LIMIT', 0, ARGV[11])
  for _, member in ipairs(late) do
    if at then redis.call('ZADD', set, at, member) else redis.call('ZREM', set, member) end
  end
  mended = mended + #late
  return #late
end
local function field(key, name, longest)
  if tonumber(redis.call('HGET', key, name) or '0') > now + longest then
    redis.call('HSET', key, name, text)
    mended = mended + 1
  end
end
local seen = tonumber(redis.call('HGET', KEYS[8], 'clock_seen') or '0')
local back = tonumber(redis.call('HGET', KEYS[8], 'clock_back') or '0')
if seen > now + slack then
  back = math.max(back, seen - now)
  redis.call('HSET', KEYS[8], 'clock_schedules', 1)
  redis.call('HDEL', KEYS[8], 'clock_doubted')
elseif seen > 0 and now - seen > day then
  redis.call('HSET', KEYS[8], 'clock_doubted', text)
end
if seen > 0 and math.abs(now - seen) > remember / 2 then
  redis.call('HSET', KEYS[9], 'doubted_to', string.format('%d', now + remember))
end
redis.call('HSET', KEYS[8], 'clock_seen', text)

ends(KEYS[1], slack, text)
local leases = redis.call('HGETALL', KEYS[2])
for i = 1, #leases, 2 do
  if tonumber(string.match(leases[i + 1], ' (%d+)$')) > now + ARGV[3] then
    redis.call('HDEL', KEYS[2], leases[i])
    mended = mended + 1
  end
end
ends(KEYS[3], tonumber(ARGV[4]), text)
ends(KEYS[4], slack)
ends(KEYS[5], tonumber(ARGV[8]) + slack)
if tonumber(redis.call('GET', KEYS[6]) or '0') > now + ARGV[7] then
  redis.call('DEL', KEYS[6])
  mended = mended + 1
end
if tonumber(redis.call('HGET', KEYS[7], 'reset') or '0') > now + ARGV[7] then
  redis.call('HDEL', KEYS[7], 'remaining', 'reset')
  mended = mended + 1
end
field(KEYS[7], 'learnt', slack)
for _, name in ipairs({'held_at', 'limits_said', 'marked', 'resumed'}) do
  field(KEYS[8], name, slack)
end
for _, name in ipairs({'last_webhook', 'unheard_since'}) do field(KEYS[9], name, slack) end
for _, kind in ipairs(redis.call('HKEYS', KEYS[10])) do field(KEYS[10], kind, slack) end
local silences = redis.call('HGETALL', KEYS[11])
for i = 1, #silences, 2 do
  if tonumber(string.match(silences[i + 1], ' (%d+)$')) > now + slack then
    redis.call('HDEL', KEYS[11], silences[i])
    mended = mended + 1
  end
end
for i = 12, #KEYS do
  if redis.call('PTTL', KEYS[i]) > tonumber(ARGV[i + 1]) then
    redis.call('DEL', KEYS[i])
    mended = mended + 1
  end
end

local more = 0
local longest = tonumber(back > 0 and ARGV[6] or ARGV[5])
for p = 0, ARGV[10] - 1 do
  local due = ARGV[1] .. p
  local late = redis.call('ZRANGEBYSCORE', due, '(' .. string.format('%d', now + longest), '+inf',
    'WITHSCORES', 'LIMIT', 0, ARGV[11])
  local ended = 0
  for i = 1, #late, 2 do
    local asked = redis.call('HGET', ARGV[2] .. late[i], 'not_before')
    if not asked or tonumber(late[i + 1]) > now + ARGV[5] then
      if asked then redis.call('HDEL', ARGV[2] .. late[i], 'not_before') end
      redis.call('ZADD', due, text, late[i])
      ended = ended + 1
    end
  end
  mended = mended + ended
  if ended > 0 and #late == 2 * ARGV[11] then more = 1 end
end
if more == 1 then
  redis.call('HSET', KEYS[8], 'clock_back', string.format('%d', back))
else
  redis.call('HDEL', KEYS[8], 'clock_back')
end
return {mended, more, tonumber(redis.call('HGET', KEYS[8], 'clock_schedules') or '0')}
