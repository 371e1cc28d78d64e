-- Takes one channel of a resource unless its limit is reached; idempotent by token.
-- KEYS: 1 channel's sorted set (token, score: when it frees itself, ms of the server's clock), 2 its state, 3 its untold changes
-- ARGV: 1 prefix of its days, 2 token, 3 time to live (ms), 4 limit, -1 for none, 5 share of it that counts as high,
--       6 firm 1|0: where another limit may still refuse the call, the channel counts for peak and level at the next look only
-- Returns: { 1 granted | 0 full, channels in use after this, changes of level still to be told }
--- @include now
--- @include ledger
local key, token, ttl, limit = KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local book = openLedger(key, KEYS[2], KEYS[3], ARGV[1], now)
local before = book.settle()
book.rules(limit, tonumber(ARGV[5]))
if limit >= 0 and before >= limit and not redis.call('ZSCORE', key, token) then
  book.peak(before, before)
  book.attempt()
  book.count('r', 1)
  return { 0, before, book.close(before, true) }
end
local inUse = before
if redis.call('ZADD', key, now + ttl, token) == 1 then
  book.attempt()
  inUse = before + 1
end
book.outlive(ttl)
local seen = ARGV[6] == '1' and inUse or before
book.peak(seen, before)
return { 1, inUse, book.close(seen, false) }
