-- Take what a short code opens, once; after many failed tries of all together nobody is heard.
-- KEYS  1 where this call's answer is remembered  2 the code  3 failed tries
-- ARGV  1 most of them  2 seconds in which they are counted
-- Returns what was kept under the code, or ''
-- Resend: the answer to this nonce is remembered, though the code is used up.
local before = remembered(KEYS[1])
if before then return before end
if redis.call('TTL', KEYS[3]) > tonumber(ARGV[2]) then redis.call('DEL', KEYS[3]) end
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[1]) then
  return remember(KEYS[1], '')
end
local held = redis.call('GET', KEYS[2])
if held then
  redis.call('DEL', KEYS[2])
  return remember(KEYS[1], held)
end
if redis.call('INCR', KEYS[3]) == 1 then redis.call('EXPIRE', KEYS[3], ARGV[2]) end
return remember(KEYS[1], '')
