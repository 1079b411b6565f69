-- Mark a reconciliation as over, unless it is already, and let another begin.
-- KEYS  1 the run  2 the run that goes on over all companies, if any
-- ARGV  1 run  2 done | aborted | stopped  3 now, ms
-- Returns 1 when it is over in this way, else 0 (it ended in another, or is not known)
-- Resend: it is over and the key may be another run's by then; nothing is written.
local phase = redis.call('HGET', KEYS[1], 'phase')
if not phase then return 0 end
local ended = {done = true, aborted = true, stopped = true}
if ended[phase] then return phase == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[1], 'phase', ARGV[2], 'finished', ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
