-- Take what a short code opens, once; who guesses is heard a few times only.
-- KEYS  1 where this call's answer is remembered  2 the code  3 failed tries from this address
--       4 failed tries of all
-- ARGV  1 most of an address  2 most of all  3 seconds in which they are counted
-- Gives what was kept under the code, or ''
-- Resend: the answer to this nonce is remembered, though the code is used up.
local before = remembered(KEYS[1])
if before then return before end
for i = 1, 2 do
  if tonumber(redis.call('GET', KEYS[i + 2]) or '0') >= tonumber(ARGV[i]) then
    return remember(KEYS[1], '')
  end
end
local held = redis.call('GET', KEYS[2])
if held then
  redis.call('DEL', KEYS[2])
  return remember(KEYS[1], held)
end
for i = 3, 4 do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('EXPIRE', KEYS[i], ARGV[3]) end
end
return remember(KEYS[1], '')
