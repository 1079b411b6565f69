-- Count a webhook that was refused because it is of another Codat client.
-- KEYS  1 the counters  2 the mark of this count
-- ARGV  1 how long the mark is kept, ms
-- Returns 1 where it was counted now, else 0
-- Resend: the mark says that it is counted already.
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'other_clients', 1)
return 1
