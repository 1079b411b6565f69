-- Find lanes with unread messages that nobody works on and whose last hint is old.
-- KEYS  1 waiting lanes  2 leases
-- ARGV  1 how old a hint must be, ms
--       2 the longest lease, ms
-- Gives the lanes; each counts as hinted now
-- Resend: the second finds them hinted just now and leaves them for the next sweep.
local now = now_ms()
local found = {}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])) do
  local lease = redis.call('HGET', KEYS[2], lane)
  local till = lease and tonumber(string.match(lease, ' (%d+)$'))
  if not till or till <= now or till > now + ARGV[2] then
    redis.call('ZADD', KEYS[1], now, lane)
    found[#found + 1] = tonumber(lane)
  end
end
return found
