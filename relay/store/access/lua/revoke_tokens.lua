-- End API tokens for good.
-- KEYS  1 the tokens  2 the digests of revoked ones
-- ARGV  digest...
-- Returns how many of them were valid until now
-- Resend: they are revoked already, and 0 is given.
local ended = redis.call('HDEL', KEYS[1], unpack(ARGV))
redis.call('SADD', KEYS[2], unpack(ARGV))
return ended
