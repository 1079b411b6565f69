-- Begin a new epoch of the log: numbers that readers have seen were lost, and will be given again.
-- KEYS  1 meta
-- ARGV  1 the epoch as read, or ''  2 the new epoch
-- Gives the epoch that now holds
-- Resend: the epoch is no longer as read, and stays.
local held = redis.call('HGET', KEYS[1], 'epoch') or ''
if held == ARGV[1] then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
  return ARGV[2]
end
return held
