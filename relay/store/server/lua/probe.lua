-- Write one thing of each sort that a webhook is kept as: what cannot be kept now fails here too.
-- KEYS  1 a text  2 a stream  3 a hash  4 a sorted set
-- ARGV  none
-- Returns 1
-- Resend: the same is written again.
redis.call('SET', KEYS[1], '1')
redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'at', '1')
redis.call('HSET', KEYS[3], 'at', 0)
redis.call('HINCRBY', KEYS[3], 'at', 1)
redis.call('ZADD', KEYS[4], 1, 'at')
return 1
