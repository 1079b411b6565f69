-- Note that a process is alive, and if none of its kind was for long, from when to when that was.
-- KEYS  1 last signs of life  2 the last silence of each kind
-- ARGV  1 kind of process  2 how long a silence counts, ms
-- Returns 1
-- Resend: the second finds a heartbeat from just before, and the silence noted stays.
local now = now_ms()
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if before and now - before > tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%d %d', before, now))
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now))
return 1
