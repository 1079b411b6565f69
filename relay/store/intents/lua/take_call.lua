-- Grant one call to Codat within the limits that all processes share, or say when to ask again.
-- KEYS  1 hold  2 the day's budget  3 calls of the last minute  4 the company's calls and intents
--       under way  5 all calls under way  6 the intent that calls
-- ARGV  1 now, ms  2 the call's id, fresh for each call  3 priority (0 may use the reserve)
--       4 calls a minute  5 at once per company  6 share of the day kept for priority 0, per mille
--       7 how long a call may take, ms  8 the intent that calls, or '' (it counts in KEYS 4 itself)
--       9 '1' when the call names a company  10 the fence of that intent, or ''
--       11 due-set key prefix  12 for how long the call renews the claim on its intent, ms
-- Returns {1} or {0, ask again at ms, what is short}
-- A worker that was frozen past its lease may find its intent in other hands when it wakes: what it
-- would ask then, the present holder asks or has asked. While it calls, no other may.
-- Resend: the call is found among those of the last minute, and is granted without counting again.
local now = tonumber(ARGV[1])
if redis.call('ZSCORE', KEYS[3], ARGV[2]) then return {1} end
local claim = redis.call('HMGET', KEYS[6], 'fence', 'priority')
if ARGV[10] ~= '' and claim[1] ~= ARGV[10] then
  return {0, now, 'intent'}
end
local hold = tonumber(redis.call('GET', KEYS[1]) or '0')
-- No wait and no day ends later than this; what does was noted while the server's clock was ahead.
local most = now + 93660000
if hold > now and hold <= most then return {0, hold, 'hold'} end
local day = redis.call('HMGET', KEYS[2], 'limit', 'remaining', 'reset')
-- A figure of an earlier version that is no count says nothing, and cannot be counted down.
for i = 1, 2 do
  if day[i] and not (string.find(day[i], '^-?%d+$') and tonumber(day[i]) <= 1e12) then
    redis.call('HDEL', KEYS[2], 'limit', 'remaining')
    day[1], day[2] = false, false
  end
end
local remaining, reset = tonumber(day[2]), tonumber(day[3])
if remaining and reset and reset > now and reset <= most then
  local reserve = 0
  if ARGV[3] ~= '0' then reserve = math.ceil(tonumber(day[1] or '0') * tonumber(ARGV[6]) / 1000) end
  if remaining <= reserve then return {0, reset, 'day'} end
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 60000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], now + 60000, '+inf')
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then
  local oldest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  return {0, tonumber(oldest[2]) + 60001, 'minute'}
end
local till = string.format('%d', now + tonumber(ARGV[7]))
if ARGV[9] == '1' and (ARGV[8] == '' or not redis.call('ZSCORE', KEYS[4], ARGV[8])) then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[4], now + 2 * ARGV[7], '+inf')
  if redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[5]) then
    return {0, now + 500, 'company'}
  end
  redis.call('ZADD', KEYS[4], till, ARGV[2])
  redis.call('PEXPIRE', KEYS[4], ARGV[7])
end
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[3], 60001)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[5], now + 2 * ARGV[7], '+inf')
if redis.call('ZCARD', KEYS[5]) == 0 then
  redis.call('HSET', KEYS[2], 'alone', ARGV[2])
else
  redis.call('HDEL', KEYS[2], 'alone')
end
redis.call('ZADD', KEYS[5], till, ARGV[2])
if remaining then redis.call('HINCRBY', KEYS[2], 'remaining', -1) end
if ARGV[10] ~= '' then
  local claimed = string.format('%d', now + tonumber(ARGV[12]))
  redis.call('ZADD', ARGV[11] .. claim[2], 'XX', 'GT', claimed, ARGV[8])
  redis.call('ZADD', KEYS[4], 'XX', 'GT', claimed, ARGV[8])
  redis.call('PEXPIRE', KEYS[4], ARGV[7])
end
return {1}
