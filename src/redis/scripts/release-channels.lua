-- Gives tokens of one resource back; idempotent.
-- KEYS: 1 channel's sorted set, 2 its state, 3 its untold changes
-- ARGV: 1 prefix of its days, 2 "undo" where another limit refused the same call: then nobody wanted them, else "", 3 … tokens
-- Returns: { channels in use after this, changes of level still to be told }
--- @include now
--- @include ledger
local book = openLedger(KEYS[1], KEYS[2], KEYS[3], ARGV[1], clock())
local before = book.settle()
if ARGV[2] ~= 'undo' then book.peak(before, before) end
for i = 3, #ARGV do
  local held = redis.call('ZREM', KEYS[1], ARGV[i]) == 1
  if held and ARGV[2] == 'undo' then book.count('a', -1) end
end
local inUse = redis.call('ZCARD', KEYS[1])
return { inUse, book.close(inUse, false) }
