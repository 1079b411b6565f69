-- Turn due schedules into sync intents, each period once, however many schedulers run.
-- KEYS  1 due schedules  2 waiting lanes  3 due set of the intents
-- ARGV  1 intent key prefix  2 schedules key prefix  3 lane key prefix  4 now, ms  5 priority
--       6 cause
--       7 JSON: per schedule {company, data type, due as read, next due (seconds; false: none),
--            {period, ms when it may leave, ...}, lane, message of missed periods (JSON) or ''};
--            only periods later than the one that was recorded when it was read
-- Gives {intents left, lanes that need a hint ...}
-- Commands are few and wide, as a million schedules may fall due at once.
-- Resend: the due time has moved on, and the second does nothing.
local rows = cjson.decode(ARGV[7])
local lanes = {}
if #rows == 0 then return {0} end
local members = {}
for i, row in ipairs(rows) do
  members[i] = row[1] .. '|' .. row[2]
end
local scores = redis.call('ZMSCORE', KEYS[1], unpack(members))
local moved, intents = {}, {}
for i, row in ipairs(rows) do
  if scores[i] and tonumber(scores[i]) == row[3] then
    local company, data_type, runs = row[1], row[2], row[5]
    if row[4] then
      moved[#moved + 1] = row[4]
      moved[#moved + 1] = members[i]
    else
      redis.call('ZREM', KEYS[1], members[i])
    end
    for n = 1, #runs, 2 do
      local name = 'sync:' .. company .. ':' .. data_type .. ':' .. runs[n]
      if redis.call('EXISTS', ARGV[1] .. name) == 0 then
        redis.call('HSET', ARGV[1] .. name, 'company', company, 'priority', ARGV[5], 'args',
          '{"data_type":"' .. data_type .. '","period":"' .. runs[n] .. '"}', 'cause', ARGV[6],
          'created', ARGV[4], 'state', 'due', 'attempts', '0', 'fence', '0')
        intents[#intents + 1] = runs[n + 1]
        intents[#intents + 1] = name
      end
    end
    if #runs > 0 then
      redis.call('HSET', ARGV[2] .. company, data_type .. '#period', runs[#runs - 1])
    end
    if row[7] ~= '' then
      redis.call('XADD', ARGV[3] .. row[6], '*', 'kind', 'action', 'type', 'relay.periods_missed',
        'company', company, 'id', 'missed:' .. members[i] .. ':' .. row[3], 'at', ARGV[4],
        'body', row[7])
      if redis.call('ZADD', KEYS[2], 'NX', now_ms(), row[6]) == 1 then
        lanes[#lanes + 1] = row[6]
      end
    end
  end
end
local function add(key, pairs_)
  for first = 1, #pairs_, 2000 do
    redis.call('ZADD', key, unpack(pairs_, first, math.min(first + 1999, #pairs_)))
  end
end
add(KEYS[1], moved)
add(KEYS[3], intents)
return {#intents / 2, unpack(lanes)}
