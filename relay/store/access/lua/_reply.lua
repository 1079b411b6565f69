-- Remember what was answered to a nonce, so that a second sending of one call hears it again.
local function remembered(key)
  local reply = redis.call('GET', key)
  return reply and cjson.decode(reply)
end
local function remember(key, reply)
  redis.call('SET', key, cjson.encode(reply), 'PX', 60000)
  return reply
end
