-- Drop what is held of one company: state, schedules, messages, dead letters, intents, and all of
-- its events but their numbers.
-- KEYS  1 its state  2 company index  3 its schedules  4 due schedules  5 its timeline
--       6 its in-flight calls  7 log  8 numbers of erased events  9 its lane  10 dead letters
--       11 leases  12 fences  13... dead intents and the due sets
-- ARGV  1 company  2 lane  3 intent key prefix, then four lists, each with its length in front:
--       numbers of events, entries of the lane, dead letters, names of intents
-- Gives nothing
-- Resend: the second finds it gone.
local now = string.format('%d', now_ms())
-- A drain that has read the company would write it back: it loses its lane.
redis.call('HINCRBY', KEYS[12], ARGV[2], 1)
redis.call('HDEL', KEYS[11], ARGV[2])
local i = 4
local function each(act)
  local n = tonumber(ARGV[i])
  for k = i + 1, i + n do
    act(ARGV[k])
  end
  i = i + n + 1
end
each(function(number)
  redis.call('XDEL', KEYS[7], number .. '-0')
  redis.call('ZADD', KEYS[8], number, number .. ':' .. now)
  redis.call('ZREM', KEYS[5], number)
end)
each(function(entry) redis.call('XDEL', KEYS[9], entry) end)
each(function(letter) redis.call('XDEL', KEYS[10], letter) end)
each(function(name)
  redis.call('DEL', ARGV[3] .. name)
  for k = 13, #KEYS do
    redis.call('ZREM', KEYS[k], name)
  end
end)
local schedules = redis.call('HGETALL', KEYS[3])
for k = 1, #schedules, 2 do
  redis.call('ZREM', KEYS[4], due_member(ARGV[1], schedules[k], schedules[k + 1]))
end
redis.call('DEL', KEYS[1], KEYS[3], KEYS[6])
redis.call('ZREM', KEYS[2], ARGV[1])
