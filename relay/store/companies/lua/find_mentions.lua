-- Find entries of a stream that contain a text.
-- KEYS  1 the stream
-- ARGV  1 the text, in small letters  2 from where on, as XRANGE takes it  3 how many to look at
--       4... types of entries that are passed over
-- Returns {id of the last entry looked at, or '' when there was none; 1 when more may follow; ids found}
-- Resend: nothing is written.
local passed = {}
for i = 4, #ARGV do
  passed[ARGV[i]] = true
end
local function mentions(fields)
  local found = false
  for i = 1, #fields, 2 do
    if fields[i] == 'type' and passed[fields[i + 1]] then return false end
    found = found or string.find(string.lower(fields[i + 1]), ARGV[1], 1, true)
  end
  return found
end
local entries = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
local ids = {}
for _, entry in ipairs(entries) do
  if mentions(entry[2]) then ids[#ids + 1] = entry[1] end
end
local last = #entries > 0 and entries[#entries][1] or ''
return {last, #entries == tonumber(ARGV[3]) and 1 or 0, ids}
