-- Let an API token in, and revoke those that it takes the place of.
-- KEYS  1 the tokens  2 the digests of revoked ones
-- ARGV  1 digest  2 its record, JSON  3 name whose other tokens are revoked, or nothing
--       4 the place that those must be of, or '' for any
-- Returns 1 it is valid | 0 it was revoked before, and nothing is changed
-- Resend: the same token is let in again, and others of its name are revoked already.
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then
  return 0
end
if ARGV[3] then
  local held = redis.call('HGETALL', KEYS[1])
  for i = 1, #held, 2 do
    local name, place = string.match(held[i + 1], '^(.*):'), ''
    if string.sub(held[i + 1], 1, 1) == '{' then
      local record = cjson.decode(held[i + 1])
      name, place = record.name, record.place
    end
    if held[i] ~= ARGV[1] and name == ARGV[3] and (ARGV[4] == '' or ARGV[4] == place) then
      redis.call('HDEL', KEYS[1], held[i])
      redis.call('SADD', KEYS[2], held[i])
    end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
