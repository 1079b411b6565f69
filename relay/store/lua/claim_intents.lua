-- Claim intents that are due, most urgent first, within the limits all workers share.
-- KEYS  1 hold  2 calls granted in this minute  3 where this call's answer is remembered
-- ARGV  1 intent key prefix  2 due-set key prefix  3 number of priorities  4 now, ms  5 lease, ms
--       6 how many at most  7 calls a minute  8 at once per company  9 in-flight key prefix
--       10 costs: JSON, kind of intent -> calls
-- Gives a list of {name, fence, company, attempts, created, args, cause, priority}
-- A claimed intent's due time becomes the end of its lease: one whose worker died falls due again.
-- Resend: the answer to this nonce is remembered, so the first claim is not left to run out.
local before = remembered(KEYS[3])
if before then return before end
local now = tonumber(ARGV[4])
local claimed = {}
local hold = redis.call('GET', KEYS[1])
if hold and tonumber(hold) > now then return claimed end
local costs = cjson.decode(ARGV[10])
local left = tonumber(ARGV[7]) - tonumber(redis.call('GET', KEYS[2]) or '0')
local spent = 0
for priority = 0, tonumber(ARGV[3]) - 1 do
  local due = ARGV[2] .. priority
  local wanted = tonumber(ARGV[6]) - #claimed
  if wanted <= 0 or left <= 0 then break end
  -- A few more than wanted are looked at, so that one busy company does not hide the others.
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, wanted * 4)) do
    if #claimed >= tonumber(ARGV[6]) then break end
    local key = ARGV[1] .. name
    local held = redis.call('HMGET', key, 'company', 'attempts', 'created', 'args', 'cause', 'fence')
    local cost = costs[string.match(name, '^[^:]+')] or 1
    local inflight = ARGV[9] .. (held[1] or '')
    if not held[1] then
      redis.call('ZREM', due, name)
    elseif cost > left then
      left = 0
      break
    else
      redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
      if redis.call('ZCARD', inflight) < tonumber(ARGV[8]) then
        local till = string.format('%d', now + tonumber(ARGV[5]))
        local fence, attempts = tonumber(held[6]) + 1, tonumber(held[2]) + 1
        redis.call('HSET', key, 'state', 'running', 'fence', fence, 'attempts', attempts)
        redis.call('ZADD', due, till, name)
        redis.call('ZADD', inflight, till, name)
        redis.call('PEXPIRE', inflight, ARGV[5])
        left = left - cost
        spent = spent + cost
        claimed[#claimed + 1] = {name, fence, held[1], attempts, tonumber(held[3]), held[4],
          held[5], priority}
      end
    end
  end
end
if spent > 0 then
  redis.call('INCRBY', KEYS[2], spent)
  redis.call('EXPIRE', KEYS[2], 120)
end
if #claimed == 0 then return claimed end
return remember(KEYS[3], claimed)
