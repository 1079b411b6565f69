-- Find lanes with unread messages that have waited for a while without a worker.
-- KEYS  1 waiting lanes  2 leases
-- ARGV  1 for how long a lane must have waited, ms
--       2 the longest lease, ms
-- Returns the lanes, the longest waiting first
-- Resend: it writes nothing. Since when a lane waits stays as it is, as that is whose turn is next.
local now = now_ms()
local found = {}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])) do
  local lease = redis.call('HGET', KEYS[2], lane)
  local till = lease and tonumber(string.match(lease, ' (%d+)$'))
  if not till or till <= now or till > now + ARGV[2] then
    found[#found + 1] = tonumber(lane)
  end
end
return found
