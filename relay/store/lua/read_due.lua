-- Read schedules that are due, the longest due first, each with what it is.
-- KEYS  1 due schedules
-- ARGV  1 schedules key prefix  2 up to, epoch seconds  3 how many to pass over
--       4 how many at most
-- Gives {member, due, JSON or '' when there is no such schedule, last period or '', ...}, flat
-- Resend: it writes nothing.
local found = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[2], 'BYSCORE', 'LIMIT', ARGV[3],
  ARGV[4], 'WITHSCORES')
local answer = {}
for i = 1, #found, 2 do
  local bar = string.find(found[i], '|', 1, true)
  local data_type = string.sub(found[i], bar + 1)
  local held = redis.call('HMGET', ARGV[1] .. string.sub(found[i], 1, bar - 1), data_type,
    data_type .. '#period')
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = found[i], found[i + 1],
    held[1] or '', held[2] or ''
end
return answer
