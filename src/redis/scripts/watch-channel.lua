-- Looks at one limit as it is configured now: what freed itself, or a new limit, may have changed its level.
-- KEYS: 1 channel's sorted set, 2 its state, 3 its untold changes
-- ARGV: 1 prefix of its days, 2 limit, -1 for none, 3 share of it that counts as high
-- Returns: { channels in use, changes of level still to be told }
--- @include now
--- @include ledger
local book = openLedger(KEYS[1], KEYS[2], KEYS[3], ARGV[1], clock())
local inUse = book.settle()
book.rules(tonumber(ARGV[2]), tonumber(ARGV[3]))
book.peak(inUse, inUse)
return { inUse, book.close(inUse, false) }
