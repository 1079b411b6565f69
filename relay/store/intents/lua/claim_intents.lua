-- Claim intents that are due, most urgent first; those that call Codat only while calls may be made.
-- KEYS  1 where this call's answer is remembered  2 pieces of waiting syncs  3 meta
-- ARGV  1 intent key prefix  2 due-set key prefix  3 in-flight key prefix  4 now, ms  5 lease, ms
--       6 how many at most  7 at once per company  8 the priority of scheduled syncs
--       9... the priorities that may be claimed, in order
-- Returns a list of {name, fence, company, attempts, created, args, cause, priority, tried,
--       failing since, refusals} (each of the last three '' for never)
-- A claimed intent's due time becomes the end of its lease: one whose worker died falls due again.
-- What such a worker did is unknown, so it counts as tried until now.
-- One whose company is busy moves a second on, so that it does not hide others. A fence is never
-- given twice, so one who held an intent of this name once cannot end a later one.
-- Resend: the answer to this nonce is remembered, so the first claim is not left to run out.
local before = remembered(KEYS[1])
if before then return before end
local now = tonumber(ARGV[4])
local LONGEST_CALL = 120000
-- Of what was noted while the server's clock was ahead, nothing is later than now.
local function before_now(ms)
  if not ms or ms == '' then return '' end
  return string.format('%d', math.min(tonumber(ms), now))
end
local most = tonumber(ARGV[6])
local claimed = {}
for p = 9, #ARGV do
  local due = ARGV[2] .. ARGV[p]
  if #claimed >= most then break end
  if ARGV[p] == ARGV[8] then
    unpack_syncs(KEYS[2], due, KEYS[3], now, most - #claimed)
  end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most + 200)) do
    if #claimed >= most then break end
    local key = ARGV[1] .. name
    local held = redis.call('HMGET', key, 'company', 'attempts', 'created', 'args', 'cause',
      'state', 'tried', 'failing_since', 'refusals')
    if not held[1] then
      held = whole_sync(key, name, ARGV[p], redis.call('ZSCORE', due, name))
    end
    if not held then
      redis.call('ZREM', due, name)
    else
      local inflight = ARGV[3] .. held[1]
      redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
      redis.call('ZREMRANGEBYSCORE', inflight, now + 2 * LONGEST_CALL, '+inf')
      if redis.call('ZCARD', inflight) >= tonumber(ARGV[7]) then
        redis.call('ZADD', due, string.format('%d', now + 1000), name)
      else
        local till = string.format('%d', now + tonumber(ARGV[5]))
        local fence = redis.call('HINCRBY', KEYS[3], 'intent_fence', 1)
        local attempts = tonumber(held[2]) + 1
        local tried = held[6] == 'running' and ARGV[4] or before_now(held[7])
        redis.call('HSET', key, 'state', 'running', 'fence', fence, 'attempts', attempts)
        if tried ~= '' then redis.call('HSET', key, 'tried', tried) end
        redis.call('ZADD', due, till, name)
        redis.call('ZADD', inflight, till, name)
        redis.call('PEXPIRE', inflight, ARGV[5])
        claimed[#claimed + 1] = {name, fence, held[1], attempts,
          math.min(tonumber(held[3]), now), held[4], held[5], tonumber(ARGV[p]), tried,
          before_now(held[8]), held[9] or ''}
      end
    end
  end
end
if #claimed == 0 then return claimed end
return remember(KEYS[1], claimed)
