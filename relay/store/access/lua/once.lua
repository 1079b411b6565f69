-- Raise a flag for a while: only the first to ask in that time may.
-- KEYS  1 the flag
-- ARGV  1 how long, ms  2 what to write into it
-- Returns 1 to the first, else 0
-- One that stands for longer was raised while the server's clock was ahead, and counts for nothing.
-- Resend: the second returns 0 although the first raised the flag; what is not done then, a tick makes up for.
if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[1]) and redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
