-- Take the lease on one lane that has unread messages: the one asked for, else the longest waiting.
-- KEYS  1 waiting lanes  2 leases  3 fences  4 cursors
-- ARGV  1 owner, fresh for each claim  2 lease, ms  3 the lane wanted, or ''
-- Returns {lane, fence, cursor} or nothing
-- Resend: the owner already holds a lease, and gets the same answer again.
local now = now_ms()
local function holder(lane)
  local lease = redis.call('HGET', KEYS[2], lane)
  if not lease then return nil end
  local owner, till = string.match(lease, '^(%S+) (%d+)$')
  -- One that ends later than any can was given while the server's clock was ahead.
  if tonumber(till) <= now or tonumber(till) > now + 2 * ARGV[2] then return nil end
  return owner
end
local function answer(lane)
  return {tonumber(lane), tonumber(redis.call('HGET', KEYS[3], lane)),
    redis.call('HGET', KEYS[4], lane) or '0-0'}
end
local lanes = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, lane in ipairs(lanes) do
  if holder(lane) == ARGV[1] then return answer(lane) end
end
local function take(lane)
  if holder(lane) then return nil end
  redis.call('HSET', KEYS[2], lane, ARGV[1] .. ' ' .. string.format('%d', now + ARGV[2]))
  redis.call('HINCRBY', KEYS[3], lane, 1)
  return answer(lane)
end
if ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[3]) then
  local taken = take(ARGV[3])
  if taken then return taken end
end
for _, lane in ipairs(lanes) do
  local taken = take(lane)
  if taken then return taken end
end
return nil
