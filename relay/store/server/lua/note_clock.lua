-- Note how far the clock of a process's machine is from the server's, and forget old notes.
-- KEYS  1 the clocks
-- ARGV  1 process and machine  2 ms by which its clock is ahead  3 how long a note counts, ms
-- Returns 1
-- Machines may have a new name at each start, so what is not renewed goes. A note from a time that
-- has not come was made while the server's clock was wrong.
-- Resend: the second writes the same again.
local now = now_ms()
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%d', now))
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  local at = tonumber(string.match(held[i + 1], ' (%d+)$'))
  if at < now - ARGV[3] or at > now + ARGV[3] then redis.call('HDEL', KEYS[1], held[i]) end
end
return 1
