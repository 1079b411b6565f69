-- Read schedules that are due, the longest due first, each with what it is.
-- KEYS  1 due schedules
-- ARGV  1 schedules key prefix  2 up to, epoch seconds  3 how many at most
-- Gives {company, data type, due, JSON or '' when there is no such schedule, ...} in one flat list
-- Resend: it writes nothing.
local found = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3],
  'WITHSCORES')
local answer = {}
for i = 1, #found, 2 do
  local company, data_type = string.match(found[i], '^([^|]*)|(.*)$')
  answer[#answer + 1] = company
  answer[#answer + 1] = data_type
  answer[#answer + 1] = found[i + 1]
  answer[#answer + 1] = redis.call('HGET', ARGV[1] .. company, data_type) or ''
end
return answer
