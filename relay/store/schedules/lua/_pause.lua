-- Whether a pause is there and, as was last told of it, on.
local function pause_is_on(pauses, id)
  local text = redis.call('HGET', pauses, id)
  return text and cjson.decode(text).on
end
