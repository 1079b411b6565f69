-- Drop a company's syncs from the pieces in which those that fell due wait to be claimed.
-- KEYS  1 pieces of waiting syncs  2 meta
-- ARGV  1 company
-- Returns how many were dropped
-- Resend: there are none left.
local gone, i = 0, 0
local function without(piece)
  local kept, n = {}, 0
  for word in string.gmatch(piece, '%S+') do
    if string.sub(word, 1, #ARGV[1] + 1) == ARGV[1] .. '|' then
      gone = gone + 1
    else
      n = n + 1
      kept[n] = word
    end
  end
  -- The time alone is no piece.
  return n > 1 and table.concat(kept, ' ') or 'empty'
end
while true do
  local pieces = redis.call('LRANGE', KEYS[1], i, i + 99)
  if #pieces == 0 then break end
  for n, piece in ipairs(pieces) do
    if string.find(piece, ' ' .. ARGV[1] .. '|', 1, true) then
      redis.call('LSET', KEYS[1], i + n - 1, without(piece))
    end
  end
  i = i + #pieces
end
if gone > 0 then
  redis.call('LREM', KEYS[1], 0, 'empty')
  redis.call('HINCRBY', KEYS[2], 'syncs_waiting', -gone)
end
return gone
