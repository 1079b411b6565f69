-- Note that a call to Codat has ended, and learn what its answer says of the limits.
-- KEYS  1 hold  2 the day's budget  3 the company's calls under way  4 all calls under way  5 meta
-- ARGV  1 now, ms  2 the call's id  3 limit  4 remaining  5 reset, ms  (each '' when not said)
--       6 no call may be made before, ms, or ''  7 how long a call may take, ms
-- Returns 1
-- Codat's day ends at midnight UTC. So a reset that is not said, or is further off than a day and
-- a bit, is the midnight after the call began (less a minute, as clocks differ), and no wait is
-- longer. A reset that has passed is that of the day before: so are the figures that came with it.
-- Resend: removing what is gone changes nothing, and the same figures are learnt again; a day that
-- has to be found by when the call began was learnt from the first sending, or not at all.
local now = tonumber(ARGV[1])
local day, most = 86400000, 93600000
local till = redis.call('ZSCORE', KEYS[4], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
local limit, remaining, reset = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if (not reset or math.abs(reset - now) > most) and till then
  local began = tonumber(till) - tonumber(ARGV[7]) - 60000
  reset = began - began % day + day
end
if reset and reset > now and reset <= now + most then
  local held = redis.call('HMGET', KEYS[2], 'remaining', 'reset', 'limit')
  local ours = tonumber(held[1])
  -- A minute's slack: Codat gives the reset in a form of its choice, cut to the second or so. Where
  -- the day that is held is over, any that goes on is a later one.
  local before = tonumber(held[2])
  local wrong = before and before > now + most -- noted while the server's clock was ahead
  local later = not before or wrong or before <= now or reset > before + 60000
  local was_alone = redis.call('HGET', KEYS[2], 'alone') == ARGV[2]
  if limit and not later and held[3] then
    -- The quota grows with each company that links: what it grew by is ours to spend. A lower one
    -- is that of an answer read late, unless the call was alone, was refused or was the last one.
    local grown = math.max(0, limit - tonumber(held[3]))
    local is_present = was_alone or ARGV[6] ~= '' or remaining == 0
    if not is_present then limit = math.max(limit, tonumber(held[3])) end
    if ours and grown > 0 then
      ours = ours + grown
      redis.call('HSET', KEYS[2], 'remaining', ours)
    end
  end
  if limit then redis.call('HSET', KEYS[2], 'limit', limit) end
  if remaining then
    -- Calls under way may not be in Codat's figure yet, so they are taken off it, and within a day
    -- the lower figure holds. The answer to a call that was alone all the time knows of all others,
    -- so its figure is the truth, also when it is higher.
    local under_way = redis.call('ZCARD', KEYS[4])
    local left = math.max(0, remaining - under_way)
    if later or not ours or left < ours or was_alone then
      redis.call('HSET', KEYS[2], 'remaining', left, 'reset', string.format('%d', reset))
    end
    redis.call('HSET', KEYS[2], 'learnt', ARGV[1])
  end
end
local asked = math.min(tonumber(ARGV[6]) or 0, now + most)
if asked > now then
  local hold = string.format('%d', asked)
  local before = tonumber(redis.call('GET', KEYS[1]) or '0')
  if asked > before or before > now + most then
    redis.call('SET', KEYS[1], hold, 'PXAT', hold)
  end
  redis.call('HSET', KEYS[5], 'held_at', ARGV[1])
end
return 1
