-- Begin a new epoch of the log, or keep it and note the server on which it was found.
-- KEYS  1 meta  2 log  3 timeline of events about no company  4 marks of the log
-- ARGV  1 the epoch as read, or ''  2 the new epoch, or '' to keep it  3 the server's run id
--       4 why another begins, or ''  5 the epoch of which data is missing, if not the one held
-- Returns the epoch that now holds
-- A new epoch begins with an event that says so, in one step with it; the very first has none.
-- What is missing of one epoch is logged once.
-- Resend: a new epoch is no longer as read, and stays; one that is kept is noted again.
local held = redis.call('HGET', KEYS[1], 'epoch') or ''
if held ~= ARGV[1] then return held end
local previous = ARGV[5] or held
if ARGV[5] then
  if held ~= '' and redis.call('HGET', KEYS[1], 'epoch_lost') == previous then return held end
  redis.call('HSET', KEYS[1], 'epoch_lost', previous)
end
redis.call('HSET', KEYS[1], 'log_server', ARGV[3])
if ARGV[2] == '' then return held end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
if ARGV[4] == '' then return ARGV[2] end
local seq = tonumber(redis.call('HGET', KEYS[1], 'log_seq') or '0') + 1
local number, now = string.format('%d', seq), now_ms()
redis.call('ZADD', KEYS[3], seq, number)
redis.call('ZADD', KEYS[4], string.format('%d', now), number)
redis.call('XADD', KEYS[2], number .. '-0', 'type', 'log.reset', 'source', '/codat/default',
  'subject', '', 'time', string.format('%d000', now), 'cause', 'server:' .. ARGV[3],
  'data', string.format('{"previous":"%s","current":"%s","reason":"%s"}', previous, ARGV[2], ARGV[4]))
redis.call('HSET', KEYS[1], 'log_seq', number, 'marked', string.format('%d', now))
return ARGV[2]
