-- Take one message in: once, however often it is delivered.
-- KEYS  1 marker of this event  2 the lane's stream  3 waiting lanes  4 counters
--       5 the marker that an older version of ours set, if there may be one
-- ARGV  1 nonce of this call  2 how long to remember the event, ms  3 the lane's number
--       4... field, value, field, value ... of the message, `kind` first
-- Returns {0 new | 1 duplicate, entry id, 1 when the lane was idle and needs a hint}
-- Resend: the marker is set last and carries the nonce, so our own second sending gets "new"
-- again, with a hint (one too many is harmless); any other sending is a duplicate. The entry id
-- is given by the server inside this script: strictly rising in a lane, and a time to search by.
local entry, body = {}, nil
for i = 4, #ARGV do
  entry[#entry + 1] = ARGV[i]
  if i % 2 == 1 and ARGV[i - 1] == 'body' then body = ARGV[i] end
end
local function known(id)
  -- An action that we put twice ourselves, after a kill, is no duplicate of Codat's.
  if ARGV[5] == 'webhook' then redis.call('HINCRBY', KEYS[4], 'duplicates', 1) end
  return {1, id, 0}
end
local marker = redis.call('GET', KEYS[1])
if marker then
  local id, nonce = string.match(marker, '^(%S+) (%S+)$')
  if nonce == ARGV[1] then
    return {0, id, 1}
  end
  return known(id)
end
-- An older version recognised events by their id alone, though another body may have the same: what is
-- kept of the first says which it was. Where nothing is, it counts as the same.
local older = KEYS[5] and redis.call('GET', KEYS[5])
if older then
  local id = string.match(older, '^(%S+)')
  local kept = redis.call('XRANGE', KEYS[2], id, id)[1]
  local same = not kept
  for i = 1, kept and #kept[2] or 0, 2 do
    if kept[2][i] == 'body' and kept[2][i + 1] == body then same = true end
  end
  if same then return known(id) end
end
-- Markers that expired because the clock leapt are missed: see `mend.lua`. `again` has the drain
-- look whether the log holds what comes of this already.
local now, remember = now_ms(), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[4], 'taken_at', 'doubted_to')
local doubted = tonumber(held[2] or '0')
if held[1] and math.abs(now - tonumber(held[1])) > remember / 2 then
  doubted = now + remember
  redis.call('HSET', KEYS[4], 'doubted_to', string.format('%d', doubted))
end
redis.call('HSET', KEYS[4], 'taken_at', string.format('%d', now))
if ARGV[5] == 'webhook' and doubted > now and doubted <= now + remember then
  entry[#entry + 1] = 'again'
  entry[#entry + 1] = '1'
end
local id = put_in_lane(KEYS[2], entry)
local woke = redis.call('ZADD', KEYS[3], 'NX', string.format('%d', now), ARGV[3])
redis.call('HINCRBY', KEYS[4], ARGV[5] == 'webhook' and 'accepted' or 'actions', 1)
redis.call('SET', KEYS[1], id .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {0, id, woke}
