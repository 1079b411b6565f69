-- Turn due schedules into sync intents, each period once, however many schedulers run.
-- KEYS  1 due schedules  2 waiting lanes
-- ARGV  1 intent key prefix  2 due-set key prefix  3 schedules key prefix  4 lane key prefix
--       5 now, ms  6 priority  7 cause
--       8 JSON: per schedule {company, data type, due as read, next due (seconds; false: none),
--            {period, ms when it may leave, ...}, lane, message of missed periods (JSON) or ''}
-- Gives {intents left, lanes that need a hint ...}
-- Resend: the due time has moved on, and the period is recorded: the second does nothing.
local left = 0
local lanes = {}
for _, row in ipairs(cjson.decode(ARGV[8])) do
  local company, data_type, next_due, runs = row[1], row[2], row[4], row[5]
  local member = company .. '|' .. data_type
  local score = redis.call('ZSCORE', KEYS[1], member)
  if score and tonumber(score) == row[3] then
    if next_due then
      redis.call('ZADD', KEYS[1], next_due, member)
    else
      redis.call('ZREM', KEYS[1], member)
    end
    local schedules = ARGV[3] .. company
    local last = redis.call('HGET', schedules, data_type .. '#period') or ''
    local before = last
    for i = 1, #runs, 2 do
      local period = runs[i]
      if last < period then
        local name = 'sync:' .. company .. ':' .. data_type .. ':' .. period
        local args = '{"data_type":"' .. data_type .. '","period":"' .. period .. '"}'
        put_intent(ARGV[1], ARGV[2], name, company, ARGV[6], string.format('%d', runs[i + 1]), args,
          ARGV[7], ARGV[5])
        left = left + 1
        last = period
      end
    end
    if last ~= before then
      redis.call('HSET', schedules, data_type .. '#period', last)
    end
    if row[7] ~= '' then
      redis.call('XADD', ARGV[4] .. row[6], '*', 'kind', 'action', 'type', 'relay.periods_missed',
        'company', company, 'id', 'missed:' .. member .. ':' .. row[3], 'at', ARGV[5],
        'body', row[7])
      if redis.call('ZADD', KEYS[2], 'NX', now_ms(), row[6]) == 1 then
        lanes[#lanes + 1] = row[6]
      end
    end
  end
end
return {left, unpack(lanes)}
