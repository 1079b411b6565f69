-- Put one hint into a queue of RQ's, unless as many wait there as there are workers to take them.
-- KEYS  1 the queue  2 its workers  3 all queues  4 the job's record
-- ARGV  1 the job's id: what it hints at, a dash, something fresh  2 what it hints at, with the
--       dash  3 the most that may wait; 0: one per worker, up to 64  4 seconds to keep the record
--       5... field, value ... of the record
-- Returns 1 when it was put there, 0 when enough wait
-- What waits is counted in the queue itself, so a lost hint does no harm. A queue
-- without workers holds one hint.
-- Resend: the record is there and the second changes nothing; if a worker has done the job by then,
-- it is done twice, which is harmless.
if redis.call('EXISTS', KEYS[4]) == 1 then return 1 end
local most = tonumber(ARGV[3])
if most == 0 then most = math.min(64, math.max(1, redis.call('SCARD', KEYS[2]))) end
local waiting = redis.call('LRANGE', KEYS[1], 0, 999)
if #waiting == 1000 then return 0 end -- of an older version, which put one there per message
for _, id in ipairs(waiting) do
  if string.sub(id, 1, #ARGV[2]) == ARGV[2] then most = most - 1 end
end
if most <= 0 then return 0 end
redis.call('HSET', KEYS[4], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[4], ARGV[4])
redis.call('SADD', KEYS[3], KEYS[1])
redis.call('RPUSH', KEYS[1], ARGV[1])
return 1
