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
local inUse = book.settle()
local before = inUse
book.peak(before, true)
book.rules(limit, tonumber(ARGV[5]))
if not redis.call('ZSCORE', key, token) then
  book.attempt()
  if limit >= 0 and inUse >= limit then
    book.count('r', 1)
    return { 0, inUse, book.close(inUse, true) }
  end
  inUse = inUse + 1
end
redis.call('ZADD', key, now + ttl, token)
-- A shorter TTL of this token must not take the longer one of another with it.
if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
local firm = ARGV[6] == '1'
if firm then book.peak(inUse) end
return { 1, inUse, book.close(firm and inUse or before, false) }
