-- Take intents that wait out of the workers' hands, by name, so that their ending can be recorded.
-- KEYS  1 where this call's answer is remembered  2 meta
-- ARGV  1 intent key prefix  2 due-set key prefix  3 lease, ms  4... names
-- Returns what `claim_intents` does, of those that wait; one that runs, or is dead, is not touched.
-- If the holder dies before their end is recorded, they fall due as the lease ends.
-- Resend: the answer to this nonce is remembered.
local before = remembered(KEYS[1])
if before then return before end
local held_now = {}
for i = 4, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local held = redis.call('HMGET', key, 'state', 'company', 'attempts', 'created', 'args', 'cause',
    'priority')
  if held[1] == 'due' then
    local fence = redis.call('HINCRBY', KEYS[2], 'intent_fence', 1)
    local till = string.format('%d', now_ms() + tonumber(ARGV[3]))
    redis.call('HSET', key, 'state', 'running', 'fence', fence)
    redis.call('ZADD', ARGV[2] .. held[7], till, ARGV[i])
    held_now[#held_now + 1] = {ARGV[i], fence, held[2], tonumber(held[3]), tonumber(held[4]),
      held[5], held[6], tonumber(held[7]), '', '', ''}
  end
end
return remember(KEYS[1], held_now)
