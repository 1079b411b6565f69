-- Write what a batch of one lane's messages came to: all of it, or nothing.
-- KEYS  1 leases  2 fences  3 cursors  4 log  5 meta  6 company index  7 dead letters  8 hold
--       9 the day's budget  10 counters  11 marks of the log  12 the lane's stream  13... one key
--       per company state, then one per count
-- ARGV  1 lane  2 fence  3 cursor as read  4 cursor to move to: the last message  5 its id, or ''
--       6 owner  7 lease, ms  8 now, ms, by the clock from which the dues below were counted
--       9 intent key prefix  10 due-set key prefix  11 hold until, ms, or ''; 0 when a day began
--       12 calls a day  13 calls left  14 when the day ends, ms (each '' when Codat did not say)
--       15 when Codat said that, or without a date when we received it, ms  16 when it last said
--       anything of its limits with a date in this batch, ms, or ''
--       17 number of states, then id, JSON each
--       then number of events, then type, source, subject, time, cause, data each
--       then number of intents, then name, company, priority, due ms, args, cause each
--       then number of dead letters, then lane, entry, type, company, reason, kind, source, id,
--       replay, body each
--       then number of replays, then key, handled, added, already applied, dead each
--       then number of marks, then field of the counters, ms each: the latest is kept, but of
--       `unheard_since` the first after the last webhook, whose own mark comes before it
--       then number of counts, then field, how many more each
--       then timeline key prefix
-- Returns {1, last log number, intents now due}, or {0} when the lane moved on under another owner or
-- is not the one that was read: after a fail-over the new primary may lack what the former took in
-- last, and have messages in its place that the cursor would pass. Then the lane is given back.
-- Resend: the cursor has moved, and the second sending returns the first's log number.
local at = redis.call('HGET', KEYS[3], ARGV[1]) or '0-0'
local seq = tonumber(redis.call('HGET', KEYS[5], 'log_seq') or '0')
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return {0}
end
if at == ARGV[4] then
  return {1, seq, 1}
end
local last = redis.call('XRANGE', KEYS[12], ARGV[4], ARGV[4])[1]
local id
for f = 1, last and #last[2] or 0, 2 do
  if last[2][f] == 'id' then id = last[2][f + 1] end
end
if at ~= ARGV[3] or not last or (ARGV[5] ~= '' and id ~= ARGV[5]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return {0}
end
-- Codat's day ends at midnight UTC, so a hold for longer than a day and a bit is a mistake. What
-- Codat said of its limits before what was applied last says nothing any more, and a day that
-- began ends no hold, and renews no figures, that are from after it was told of.
local said_at = tonumber(ARGV[15]) or 0
local newest = math.max(tonumber(ARGV[16]) or 0,
  tonumber(redis.call('HGET', KEYS[5], 'limits_said') or '0'))
local outdated = said_at < newest
local held_at = tonumber(redis.call('HGET', KEYS[5], 'held_at') or '0')
local now = now_ms()
local longest = math.min(now, tonumber(ARGV[8])) + 93600000
local hold = math.min(tonumber(ARGV[11]) or 0, longest)
local timeline = ARGV[#ARGV]
local oldest = tonumber(redis.call('HGET', KEYS[5], 'log_oldest') or '0')
local i = 17
local function count()
  local n = tonumber(ARGV[i])
  i = i + 1
  return n
end
local states_at = i
local states = count()
i = i + 2 * states
local events = count()
if events > 0 then
  local marked = tonumber(redis.call('HGET', KEYS[5], 'marked') or '0')
  if now - marked >= 60000 then
    redis.call('ZADD', KEYS[11], string.format('%d', now), string.format('%d', seq + 1))
    redis.call('HSET', KEYS[5], 'marked', string.format('%d', now))
  end
end
local numbers = {} -- by subject: each number twice, as score and as member
for _ = 1, events do
  seq = seq + 1
  local number = string.format('%d', seq)
  local told = numbers[ARGV[i + 2]] or {}
  numbers[ARGV[i + 2]] = told
  told[#told + 1] = number
  told[#told + 1] = number
  redis.call('XADD', KEYS[4], number .. '-0', 'type', ARGV[i], 'source', ARGV[i + 1],
    'subject', ARGV[i + 2], 'time', ARGV[i + 3], 'cause', ARGV[i + 4], 'data', ARGV[i + 5])
  i = i + 6
end
for subject, told in pairs(numbers) do
  for first = 1, #told, 1000 do -- as many as Lua passes on at once
    redis.call('ZADD', timeline .. subject, unpack(told, first, math.min(first + 999, #told)))
  end
  if oldest > 0 then
    redis.call('ZREMRANGEBYSCORE', timeline .. subject, '-inf', oldest)
  end
end
redis.call('HSET', KEYS[5], 'log_seq', string.format('%d', seq))
local woken = 0
for _ = 1, count() do
  -- The wait alone is the drain's: from when on, the server says.
  local due = string.format('%d', now + ARGV[i + 3] - ARGV[8])
  woken = woken + put_intent(ARGV[9], ARGV[10], ARGV[i], ARGV[i + 1], ARGV[i + 2], due,
    ARGV[i + 4], ARGV[i + 5], string.format('%d', now))
  i = i + 6
end
for _ = 1, count() do
  put_in_lane(KEYS[7], {'lane', ARGV[i], 'entry', ARGV[i + 1], 'type', ARGV[i + 2],
    'company', ARGV[i + 3], 'reason', ARGV[i + 4], 'kind', ARGV[i + 5], 'source', ARGV[i + 6],
    'id', ARGV[i + 7], 'replay', ARGV[i + 8], 'body', ARGV[i + 9]})
  i = i + 10
end
for _ = 1, count() do
  for n, name in ipairs({'handled', 'added', 'already', 'dead'}) do
    redis.call('HINCRBY', ARGV[i], name, ARGV[i + n])
  end
  i = i + 5
end
for _ = 1, count() do
  local kept = tonumber(redis.call('HGET', KEYS[10], ARGV[i]) or '0')
  local at = tonumber(ARGV[i + 1])
  local moves = kept < at
  if ARGV[i] == 'unheard_since' then
    local heard = tonumber(redis.call('HGET', KEYS[10], 'last_webhook') or '0')
    moves = kept <= heard and at > heard
  end
  if moves then redis.call('HSET', KEYS[10], ARGV[i], ARGV[i + 1]) end
  i = i + 2
end
for n = 1, count() do
  redis.call('HINCRBY', KEYS[12 + states + n], ARGV[i], ARGV[i + 1])
  i = i + 2
end
for n = 1, states do
  local id = ARGV[states_at + 2 * n - 1]
  redis.call('SET', KEYS[12 + n], ARGV[states_at + 2 * n])
  redis.call('ZADD', KEYS[6], 0, id)
end
if ARGV[11] == '0' and not outdated then
  if tonumber(redis.call('HGET', KEYS[9], 'learnt') or '0') <= said_at then
    redis.call('DEL', KEYS[9])
    local ends = math.min(tonumber(ARGV[14]) or 0, longest)
    if ARGV[12] ~= '' and ARGV[13] ~= '' and ends > now then
      redis.call('HSET', KEYS[9], 'limit', ARGV[12], 'remaining', ARGV[13], 'reset',
        string.format('%d', ends), 'learnt', ARGV[15])
    end
  end
  -- A wait of up to a minute may be for the minute's limit, which a new day does not renew.
  local held = tonumber(redis.call('GET', KEYS[8]) or '0')
  if held > now + 60000 and held_at <= said_at then
    redis.call('DEL', KEYS[8])
  end
elseif hold > now and not outdated then
  if hold > tonumber(redis.call('GET', KEYS[8]) or '0') then
    local till = string.format('%d', hold)
    redis.call('SET', KEYS[8], till, 'PXAT', till)
  end
  -- Of a spent quota the size is told: nothing is left of it until the hold ends.
  if ARGV[12] ~= '' and tonumber(redis.call('HGET', KEYS[9], 'learnt') or '0') <= said_at then
    redis.call('HSET', KEYS[9], 'limit', ARGV[12], 'remaining', 0, 'reset',
      string.format('%d', hold), 'learnt', ARGV[15])
  end
  if said_at > held_at then redis.call('HSET', KEYS[5], 'held_at', ARGV[15]) end
end
if ARGV[16] ~= '' then redis.call('HSET', KEYS[5], 'limits_said', string.format('%d', newest)) end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1],
  ARGV[6] .. ' ' .. string.format('%d', now + ARGV[7]))
return {1, seq, woken}
