-- Turn due schedules into waiting syncs, each period once, however many schedulers run.
-- KEYS  1 due schedules  2 waiting lanes  3 due set of the syncs  4 why schedules are late
-- ARGV  1 schedules key prefix  2 lane key prefix  3 now, ms
--       4 JSON: per schedule {member, company, data type, due as read, next due (seconds; false:
--            none), {period, ms when it may run, ...}, lane, message of missed periods (JSON)
--            or ''}
-- Returns {syncs left, lanes that need a hint ...}
-- A sync that was never claimed waits by its name alone.
-- Resend: the due time has moved on, and the second does nothing.
local rows = cjson.decode(ARGV[4])
local lanes = {}
if #rows == 0 then return {0} end
local members = {}
for i, row in ipairs(rows) do
  members[i] = row[1]
end
local scores = redis.call('ZMSCORE', KEYS[1], unpack(members))
local moved, syncs, decided = {}, {}, {}
for i, row in ipairs(rows) do
  if scores[i] and math.floor(scores[i]) == row[4] then
    local company, data_type, runs = row[2], row[3], row[6]
    decided[#decided + 1] = row[1]
    local text = redis.call('HGET', ARGV[1] .. company, data_type)
    local member = text and due_member(company, data_type, text)
    if row[5] and member == row[1] then
      moved[#moved + 1] = string.format(#runs > 0 and '%d.5' or '%d', row[5])
      moved[#moved + 1] = member
    else
      redis.call('ZREM', KEYS[1], row[1])
    end
    for n = 1, #runs, 2 do
      syncs[#syncs + 1] = runs[n + 1]
      syncs[#syncs + 1] = 'sync:' .. company .. ':' .. data_type .. ':' .. runs[n]
    end
    if row[8] ~= '' then
      put_in_lane(ARGV[2] .. row[7], {'kind', 'action', 'type', 'relay.periods_missed',
        'company', company, 'id', 'missed:' .. company .. '|' .. data_type .. ':' .. row[4],
        'at', ARGV[3], 'body', row[8]})
      if redis.call('ZADD', KEYS[2], 'NX', now_ms(), row[7]) == 1 then
        lanes[#lanes + 1] = row[7]
      end
    end
  end
end
-- Of one late schedule many periods may run: what does not fit one command goes in several.
local function add(key, how, pairs_)
  for first = 1, #pairs_, 2000 do
    redis.call('ZADD', key, how, unpack(pairs_, first, math.min(first + 1999, #pairs_)))
  end
end
if #decided > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('HDEL', KEYS[4], unpack(decided))
end
add(KEYS[1], 'CH', moved)
add(KEYS[3], 'NX', syncs)
return {#syncs / 2, unpack(lanes)}
