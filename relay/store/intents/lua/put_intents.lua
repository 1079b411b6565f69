-- Leave intents from outside a drain: run-now, re-read, by API or command line.
-- KEYS  1 where this call's answer is remembered
-- ARGV  1 intent key prefix  2 due-set key prefix  3 now, ms
--       4... name, company, priority, due ms, args, cause each
-- Returns how many are due now
-- Resend: the answer to this nonce is remembered.
local before = remembered(KEYS[1])
if before then return before end
local woken = 0
for i = 4, #ARGV, 6 do
  woken = woken + put_intent(ARGV[1], ARGV[2], ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3],
    ARGV[i + 4], ARGV[i + 5], ARGV[3])
end
return remember(KEYS[1], woken)
