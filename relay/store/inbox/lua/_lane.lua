-- Put a message into its stream. The ids of a stream only rise, so after the server's clock was
-- ahead they stay at that time until it has come: then a message says itself when it was received.
local function put_in_lane(stream, entry)
  local id = redis.call('XADD', stream, '*', unpack(entry))
  local now = now_ms()
  if tonumber(string.match(id, '^%d+')) <= now + 1000 then return id end
  for i = 1, #entry, 2 do
    if entry[i] == 'received' then return id end
  end
  redis.call('XDEL', stream, id)
  entry[#entry + 1] = 'received'
  entry[#entry + 1] = string.format('%d', now)
  return redis.call('XADD', stream, '*', unpack(entry))
end
