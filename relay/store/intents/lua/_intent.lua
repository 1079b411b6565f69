-- Leave one intent: a need that exists once by its name.
-- A new name is created. A waiting one keeps its work and moves forward, never back. A running one
-- is marked to run once more at the soonest that a need since has asked for, because what it has
-- read may be older. A more urgent need raises either, and is its cause from then on. A dead one
-- lives again, as if nothing had failed yet; only what may have reached Codat before (`tried`)
-- stays known. No need shortens a wait that Codat asked for.
local function put_intent(intent_prefix, due_prefix, name, company, priority, due, args, cause, now)
  local key = intent_prefix .. name
  local held = redis.call('HMGET', key, 'state', 'priority', 'not_before', 'again')
  if not held[1] then
    redis.call('HSET', key, 'company', company, 'priority', priority, 'args', args, 'cause', cause,
      'created', now, 'state', 'due', 'attempts', 0, 'fence', 0)
    redis.call('ZADD', due_prefix .. priority, due, name)
    return 1
  end
  if held[1] == 'dead' then
    redis.call('HSET', key, 'state', 'due', 'attempts', 0, 'priority', priority, 'cause', cause)
    redis.call('HDEL', key, 'not_before', 'failing_since', 'refusals')
    redis.call('ZREM', due_prefix .. 'dead', name)
    redis.call('ZADD', due_prefix .. priority, due, name)
    return 1
  end
  local set = due_prefix .. held[2]
  local raised = tonumber(priority) < tonumber(held[2])
  if raised then
    local at = redis.call('ZSCORE', set, name)
    redis.call('ZREM', set, name)
    set = due_prefix .. priority
    if at then redis.call('ZADD', set, at, name) end
    redis.call('HSET', key, 'priority', priority)
  end
  if raised or (held[1] == 'running' and not held[4]) then
    redis.call('HSET', key, 'cause', cause)
  end
  if held[1] == 'running' then
    local again = math.min(tonumber(held[4] or due), tonumber(due))
    redis.call('HSET', key, 'again', string.format('%d', again))
    return 0
  end
  due = math.max(tonumber(due), tonumber(held[3] or '0'))
  redis.call('ZADD', set, 'LT', string.format('%d', due), name)
  return 1
end
