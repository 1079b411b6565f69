-- Read schedules that are due, the longest due first, each with what it is.
-- KEYS  1 due schedules  2 why schedules are late
-- ARGV  1 schedules key prefix  2 up to, epoch seconds  3 how many to pass over
--       4 how many at most
-- Returns {member, due, text or '' when there is no such schedule, why it is late or '', ...}, flat
-- Resend: it writes nothing.
local found = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[2] + 1, 'BYSCORE', 'LIMIT',
  ARGV[3], ARGV[4], 'WITHSCORES')
local answer = {}
local whys = #found > 0 and redis.call('EXISTS', KEYS[2]) == 1
for i = 1, #found, 2 do
  local company, data_type = string.match(found[i], '^([^|]*)|([^|]*)')
  local n = #answer
  answer[n + 1], answer[n + 2] = found[i], found[i + 1]
  answer[n + 3] = redis.call('HGET', ARGV[1] .. company, data_type) or ''
  answer[n + 4] = whys and redis.call('HGET', KEYS[2], found[i]) or ''
end
return answer
