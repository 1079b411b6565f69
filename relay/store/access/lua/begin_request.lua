-- Begin a request that its caller may send again, or return what came of it before.
-- KEYS  1 the request
-- ARGV  1 nonce of this call  2 hash of what is asked  3 what it goes by, JSON: the first one's stays
--       4 ms that it may take  5 ms that it is kept
-- Returns {'run', what it goes by, company or '', tries at Codat} | {'done', what it goes by, answer}
--       | {'running', ms that it may still take} | {'other'}: the key was used for something else
-- Resend: the request carries the nonce, so our own second sending gets "run" again.
local held = redis.call('HMGET', KEYS[1], 'asked', 'facts', 'nonce', 'until', 'answer', 'company',
  'tries')
local now = now_ms()
if not held[1] then
  redis.call('HSET', KEYS[1], 'asked', ARGV[2], 'facts', ARGV[3], 'nonce', ARGV[1],
    'until', now + ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return {'run', ARGV[3], '', '0'}
end
if held[1] ~= ARGV[2] then
  return {'other'}
end
if held[5] then
  return {'done', held[2], held[5]}
end
local left = tonumber(held[4]) - now
if held[3] ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[4]) then
  return {'running', tostring(left)}
end
redis.call('HSET', KEYS[1], 'nonce', ARGV[1], 'until', now + ARGV[4])
return {'run', held[2], held[6] or '', held[7] or '0'}
