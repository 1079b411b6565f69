-- Drop things that are held of one company, and note the numbers of its events that go with them.
-- KEYS  1 leases  2 fences  3 meta  4 log  5 numbers of erased events  6... what is dropped from
-- ARGV  1 lane  2 how many events, then the number of each, then what else is dropped: command,
--       which of the KEYS, member, or '' where the key goes whole
-- Returns nothing
-- Resend: the second finds it gone.
local now = string.format('%d', now_ms())
-- A drain that has read the company would write it back: it loses its lane.
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('HDEL', KEYS[1], ARGV[1])
local last = 2 + tonumber(ARGV[2])
for i = 3, last do
  redis.call('XDEL', KEYS[4], ARGV[i] .. '-0')
  redis.call('ZADD', KEYS[5], ARGV[i], ARGV[i] .. ':' .. now)
end
for i = last + 1, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[i + 1])]
  if ARGV[i + 2] == '' then
    redis.call(ARGV[i], key)
  else
    redis.call(ARGV[i], key, ARGV[i + 2])
  end
end
-- What others have read of log and pauses they hold in memory, until they see these rise.
redis.call('HINCRBY', KEYS[3], 'log_losses', 1)
redis.call('HINCRBY', KEYS[3], 'pauses_version', 1)
