-- Renews tokens of one resource, and takes them again where the server lost them (restart, TTL passed while it was away).
-- KEYS: 1 channel's sorted set, 2 its state, 3 its untold changes
-- ARGV: 1 prefix of its days, 2 time to live (ms), 3 … tokens
-- Returns: { channels in use after this, changes of level still to be told }
--- @include now
--- @include ledger
local key, ttl = KEYS[1], tonumber(ARGV[2])
local now = clock()
local book = openLedger(key, KEYS[2], KEYS[3], ARGV[1], now)
local before = book.settle()
for i = 3, #ARGV do redis.call('ZADD', key, 'GT', now + ttl, ARGV[i]) end
book.outlive(ttl)
local inUse = redis.call('ZCARD', key)
book.peak(inUse, before)
return { inUse, book.close(inUse, false) }
