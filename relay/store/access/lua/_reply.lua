-- Remember what was answered to a nonce, so that a call sent twice gets the same answer.
local function remembered(key)
  local reply = redis.call('GET', key)
  return reply and cjson.decode(reply)
end
local function remember(key, reply)
  redis.call('SET', key, cjson.encode(reply), 'PX', 60000)
  return reply
end
