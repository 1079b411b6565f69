-- Claim subscriptions that have events to deliver and whose time has come.
-- KEYS  1 deliveries  2 meta  3 where this call's answer is remembered
-- ARGV  1 subscription key prefix  2 lease, ms  3 how many at most
--       4 how many of them may be failing or slow ones
-- Returns a list of {id, fence, 1 when it is a failing or slow one}
-- The longest waiting comes first.
-- A claimed one's due time becomes the end of its lease: one whose worker died falls due again.
-- Resend: the answer to this nonce is remembered, so the first claim is not left to run out.
local before = remembered(KEYS[3])
if before then return before end
local now = now_ms()
local last = tonumber(redis.call('HGET', KEYS[2], 'log_seq') or '0')
local most, failing = tonumber(ARGV[3]), tonumber(ARGV[4])
local till = string.format('%d', now + tonumber(ARGV[2]))
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  if #claimed >= most then break end
  local key = ARGV[1] .. id
  local held = redis.call('HMGET', key, 'cursor', 'failures', 'slow')
  if not held[1] then
    redis.call('ZREM', KEYS[1], id)
  elseif tonumber(held[1]) < last then
    local fails = tonumber(held[2]) > 0 or held[3] == '1'
    if not fails or failing > 0 then
      if fails then failing = failing - 1 end
      redis.call('ZADD', KEYS[1], till, id)
      claimed[#claimed + 1] = {id, redis.call('HINCRBY', key, 'fence', 1),
        fails and 1 or 0}
    end
  end
end
if #claimed == 0 then return claimed end
return remember(KEYS[3], claimed)
