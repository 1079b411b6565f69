-- Leave one intent: a need that exists once by its name.
-- A new name is created. A waiting one keeps its work and moves forward, never back. A running one
-- is marked to run once more, because what it has read may be older than this need. A dead one
-- lives again. No need shortens a wait that Codat asked for.
local function put_intent(intent_prefix, due_prefix, name, company, priority, due, args, cause, now)
  local key = intent_prefix .. name
  local held = redis.call('HMGET', key, 'state', 'priority', 'not_before')
  if not held[1] then
    redis.call('HSET', key, 'company', company, 'priority', priority, 'args', args, 'cause', cause,
      'created', now, 'state', 'due', 'attempts', 0, 'fence', 0)
    redis.call('ZADD', due_prefix .. priority, due, name)
    return 1
  end
  if held[1] == 'running' then
    redis.call('HSET', key, 'again', due)
    return 0
  end
  if held[1] == 'dead' then
    redis.call('HSET', key, 'state', 'due', 'attempts', 0, 'priority', priority, 'cause', cause)
    redis.call('ZREM', due_prefix .. 'dead', name)
    redis.call('ZADD', due_prefix .. priority, due, name)
    return 1
  end
  due = math.max(tonumber(due), tonumber(held[3] or '0'))
  if tonumber(priority) < tonumber(held[2]) then
    local at = redis.call('ZSCORE', due_prefix .. held[2], name)
    redis.call('ZREM', due_prefix .. held[2], name)
    redis.call('ZADD', due_prefix .. priority, string.format('%d', math.min(tonumber(at or due), due)), name)
    redis.call('HSET', key, 'priority', priority)
  else
    redis.call('ZADD', due_prefix .. held[2], 'LT', string.format('%d', due), name)
  end
  return 1
end
