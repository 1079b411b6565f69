-- Set or change one pause, and tell it in lane 0, unless someone changed it meanwhile.
-- KEYS  1 pauses  2 lane 0  3 waiting lanes  4 meta
-- ARGV  1 id  2 JSON as read, or ''  3 JSON to write  4 '1' when it held everything and lets go
--       5... field, value ... of the action that records it
-- Returns {1 written | 0 it was not as read, 1 when lane 0 needs a hint}
-- The version rises with each change, so that whoever holds the pauses knows to read them anew.
-- Resend: the second finds it as it wrote it, and tells nothing more.
local held = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if held == ARGV[3] then return {1, 1} end
if held ~= ARGV[2] then return {0, 0} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[4], 'pauses_version', 1)
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[4], 'resumed', string.format('%d', now_ms()))
end
put_in_lane(KEYS[2], {unpack(ARGV, 5)})
return {1, redis.call('ZADD', KEYS[3], 'NX', now_ms(), '0')}
