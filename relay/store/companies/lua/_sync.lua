-- A sync that fell due waits by its name alone until it is claimed, as a million may at once:
-- first with others in a piece, "<ms> <company>|<data type>|<period> ...", then in the due set.
-- Fill the due set from the pieces until it holds `wanted` that may go.
local function unpack_syncs(pieces, due, meta, now, wanted)
  while redis.call('ZCOUNT', due, '-inf', now) < wanted do
    local piece = redis.call('LPOP', pieces)
    if not piece then return end
    local words, at = {}, nil
    for word in string.gmatch(piece, '%S+') do
      if at then
        words[#words + 1] = at
        words[#words + 1] = 'sync:' .. string.gsub(word, '|', ':')
      else
        at = math.min(tonumber(word), now) -- later only by a clock that was wrong
      end
    end
    redis.call('ZADD', due, 'NX', unpack(words))
    redis.call('HINCRBY', meta, 'syncs_waiting', -#words / 2)
  end
end

-- Make a sync's record from its name; nil when the name is not a sync's.
local function whole_sync(key, name, priority, created)
  local company, data_type, period = string.match(name, '^sync:([^:]+):([^:]+):(.+)$')
  if not company then return nil end
  local args = '{"data_type":"' .. data_type .. '","period":"' .. period .. '"}'
  redis.call('HSET', key, 'company', company, 'priority', priority, 'args', args,
    'cause', 'schedule', 'created', created, 'state', 'due', 'attempts', 0, 'fence', 0)
  return {company, 0, created, args, 'schedule'}
end
