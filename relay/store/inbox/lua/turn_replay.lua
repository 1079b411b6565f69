-- Abort a replay that runs, or let an aborted one run on.
-- KEYS  1 the replay  2 replays that run
-- ARGV  1 its id  2 aborted | running
-- Returns 1 when it is so now, 0 when it is finished or unknown
-- Resend: it is so already, and the second says so again.
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'running' and state ~= 'aborted' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[2])
if ARGV[2] == 'running' then
  redis.call('SADD', KEYS[2], ARGV[1])
else
  redis.call('SREM', KEYS[2], ARGV[1])
end
return 1
