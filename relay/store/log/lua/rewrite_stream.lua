-- Rewrite a stream, some entries at a time: what was deleted from it stays in the server's
-- memory and files until then. Entries, their ids and the last id stay; a consumer group begins
-- again at its oldest entry that was not acknowledged.
-- KEYS  1 the stream  2 its copy
-- ARGV  1 how many entries to copy at most
-- Returns 1 when it is done, 0 when more is to be copied
-- Resend: copying goes on after the last entry copied; once done, it is done again, to no effect.
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
local copied = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local start = #copied > 0 and '(' .. copied[1][1] or '-'
local entries = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', ARGV[1])
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
end
if #entries == tonumber(ARGV[1]) then return 0 end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('XGROUP', 'CREATE', KEYS[2], 'none', '$', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[2], 'none')
end
local function facts(list)
  local found = {}
  for i = 1, #list, 2 do
    found[list[i]] = list[i + 1]
  end
  return found
end
redis.call('XSETID', KEYS[2], facts(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id'])
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local of = facts(group)
  local from = of['last-delivered-id']
  local open = redis.call('XPENDING', KEYS[1], of['name'])
  if tonumber(open[1]) > 0 then
    local ms, n = string.match(open[2], '^(%d+)-(%d+)$')
    -- One below the oldest open entry; 18446744073709551615 is the largest second part.
    from = n == '0' and string.format('%d-18446744073709551615', tonumber(ms) - 1)
      or string.format('%s-%d', ms, tonumber(n) - 1)
  end
  redis.call('XGROUP', 'CREATE', KEYS[2], of['name'], from)
end
redis.call('RENAME', KEYS[2], KEYS[1])
return 1
