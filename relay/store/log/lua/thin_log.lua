-- Drop events of some types from the log, though it is kept further back: their numbers stay taken.
-- KEYS  1 log  2 meta  3 how far each such dropping has come
-- ARGV  1 name of this dropping  2 number of the last event it may drop  3 how many to look at
--       4 timeline key prefix  5 now, ms  6... type, or its beginning and a *, then '1' if such
--       events go; the first that fits decides
-- Returns {1 when it has come to the end | 0, how many went}
-- Resend: it goes on from where the first has come to.
local last = tonumber(ARGV[2])
local from = math.max(tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0'),
  tonumber(redis.call('HGET', KEYS[2], 'log_oldest') or '0'))
if from >= last then return {1, 0} end
local function goes(kind)
  for i = 6, #ARGV, 2 do
    local name = ARGV[i]
    if name == kind or (string.sub(name, -1) == '*'
        and string.sub(kind, 1, #name - 1) == string.sub(name, 1, -2)) then
      return ARGV[i + 1] == '1'
    end
  end
end
local entries = redis.call('XRANGE', KEYS[1], string.format('(%d-0', from),
  string.format('%d-0', last), 'COUNT', ARGV[3])
local reached, gone, newest = from, 0, nil
for _, entry in ipairs(entries) do
  local number = string.match(entry[1], '^%d+')
  local facts = {}
  for i = 1, #entry[2], 2 do
    facts[entry[2][i]] = entry[2][i + 1]
  end
  if goes(facts['type'] or '') then  -- a damaged entry may lack any field
    redis.call('XDEL', KEYS[1], entry[1])
    redis.call('ZREM', ARGV[4] .. (facts['subject'] or ''), number)
    gone, newest = gone + 1, number
  end
  reached = number
end
local done = #entries < tonumber(ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], done and ARGV[2] or reached)
if gone > 0 then
  if tonumber(newest) > tonumber(redis.call('HGET', KEYS[2], 'log_thinned') or '0') then
    redis.call('HSET', KEYS[2], 'log_thinned', newest)
  end
  redis.call('HSET', KEYS[2], 'log_thinned_at', ARGV[5])
  redis.call('HINCRBY', KEYS[2], 'log_holes', gone)
  redis.call('HINCRBY', KEYS[2], 'log_losses', 1)
end
return {done and 1 or 0, gone}
