-- Turn due schedules into sync intents, each period once, however many schedulers run.
-- KEYS  1 due schedules  2 waiting lanes
-- ARGV  1 intent key prefix  2 due-set key prefix  3 schedules key prefix  4 lane key prefix
--       5 now, ms
--       6... per schedule: member, company, data type, due as read (seconds), next due (seconds),
--            period, intent name, priority, args, cause, lane, missed message (JSON) or ''
-- Gives {intents left, lanes that need a hint ...}
-- Resend: the due time has moved on, and the period is recorded: the second does nothing.
local left = 0
local lanes = {}
for i = 6, #ARGV, 12 do
  local member, company, data_type = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local score = redis.call('ZSCORE', KEYS[1], member)
  if score and tonumber(score) == tonumber(ARGV[i + 3]) then
    redis.call('ZADD', KEYS[1], ARGV[i + 4], member)
    local schedules = ARGV[3] .. company
    local last = redis.call('HGET', schedules, data_type .. '#period')
    if not last or last < ARGV[i + 5] then
      put_intent(ARGV[1], ARGV[2], ARGV[i + 6], company, ARGV[i + 7], ARGV[5], ARGV[i + 8],
        ARGV[i + 9], ARGV[5])
      left = left + 1
      if ARGV[i + 11] ~= '' then
        redis.call('XADD', ARGV[4] .. ARGV[i + 10], '*', 'kind', 'action', 'type',
          'relay.periods_missed', 'company', company, 'id', ARGV[i + 6] .. ':missed',
          'at', ARGV[5], 'body', ARGV[i + 11])
        if redis.call('ZADD', KEYS[2], 'NX', now_ms(), ARGV[i + 10]) == 1 then
          lanes[#lanes + 1] = tonumber(ARGV[i + 10])
        end
      end
      redis.call('HSET', schedules, data_type .. '#period', ARGV[i + 5])
    end
  end
end
return {left, unpack(lanes)}
