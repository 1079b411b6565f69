-- Note how far a request has come: only its current holder may.
-- KEYS  1 the request
-- ARGV  1 nonce it was begun with  2... field and value of each thing to note
-- Returns 1 noted | 0 another works on it by now, or it is not kept any more
-- Resend: the same is noted again.
if redis.call('HGET', KEYS[1], 'nonce') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
