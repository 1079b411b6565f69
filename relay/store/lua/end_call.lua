-- Note that a call to Codat has ended, and learn what its answer says of the limits.
-- KEYS  1 hold  2 the day's budget  3 the company's calls under way  4 all calls under way
-- ARGV  1 now, ms  2 the call's id  3 limit  4 remaining  5 reset, ms  (each '' when not said)
--       6 nobody may call before, ms, or ''
-- Gives 1
-- Resend: removing what is gone changes nothing, and the same figures are learnt again.
local now = tonumber(ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
local held = redis.call('HMGET', KEYS[2], 'remaining', 'reset', 'limit')
local ours, limit = tonumber(held[1]), tonumber(ARGV[3])
-- A minute's slack: Codat gives the reset in a form of its choice, cut to the second or so.
local later = not held[2] or (tonumber(ARGV[5]) or 0) > tonumber(held[2]) + 60000
if limit and not later and held[3] then
  -- The quota grows with each company that links: what it grew by is ours to spend.
  local grown = math.max(0, limit - tonumber(held[3]))
  limit = math.max(limit, tonumber(held[3]))
  if ours and grown > 0 then
    ours = ours + grown
    redis.call('HSET', KEYS[2], 'remaining', ours)
  end
end
if limit then redis.call('HSET', KEYS[2], 'limit', limit) end
if ARGV[4] ~= '' and ARGV[5] ~= '' then
  -- Calls under way may not be in Codat's figure yet, so they are taken off it, and within a day
  -- the lower figure holds; with none under way Codat's own is the truth, also when it is higher.
  local under_way = redis.call('ZCARD', KEYS[4])
  local left = math.max(0, tonumber(ARGV[4]) - under_way)
  if later or not ours or left < ours or under_way == 0 then
    redis.call('HSET', KEYS[2], 'remaining', left, 'reset', ARGV[5])
  end
end
if ARGV[6] ~= '' and tonumber(ARGV[6]) > now then
  local hold = tonumber(redis.call('GET', KEYS[1]) or '0')
  if hold < tonumber(ARGV[6]) then redis.call('SET', KEYS[1], ARGV[6], 'PXAT', ARGV[6]) end
end
return 1
