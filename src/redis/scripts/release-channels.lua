-- Gives tokens of one resource back; idempotent.
-- KEYS: 1 channel's sorted set, 2 its state, 3 its untold changes
-- ARGV: 1 prefix of its days, 2 … tokens
-- Returns: { channels in use after this, changes of level still to be told }
--- @include now
--- @include ledger
local book = openLedger(KEYS[1], KEYS[2], KEYS[3], ARGV[1], clock())
local before = book.settle()
book.peak(before, before)
for i = 2, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
local inUse = redis.call('ZCARD', KEYS[1])
return { inUse, book.close(inUse, false) }
