-- Note that one step of a reconciliation is done: which companies were seen, and where to go on.
-- KEYS  1 the run  2 companies seen in it
-- ARGV  1 phase as read  2 position as read  3 phase to go on in  4 position to go on at
--       5 how long to keep what was seen, ms  6 since when those seen are to be logged as
--       gone, microseconds, or 0  7 number of figures, then field, how many more each
--       then the ids of the companies seen
-- Returns 1, or 0 when the run is not where it was read
-- Resend: the position has moved, and the second sending changes nothing (0: the run is read again).
local at = redis.call('HMGET', KEYS[1], 'phase', 'position')
if at[1] ~= ARGV[1] or at[2] ~= ARGV[2] then return 0 end
local i = 8
for _ = 1, tonumber(ARGV[7]) do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
  i = i + 2
end
local seen = 0
for n = i, #ARGV do
  seen = seen + redis.call('ZADD', KEYS[2], ARGV[6], ARGV[n])
end
redis.call('HINCRBY', KEYS[1], 'seen', seen)
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('HSET', KEYS[1], 'phase', ARGV[3], 'position', ARGV[4])
return 1
