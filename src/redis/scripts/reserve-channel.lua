-- Takes one channel of a resource unless its limit is reached; idempotent by token.
-- KEYS: 1 channel's sorted set (token, score: when it frees itself, ms of the server's clock)
-- ARGV: 1 token, 2 time to live (ms), 3 limit, -1 for none
-- Returns: { 1 granted | 0 full, channels in use after this }
--- @include now
local key, token, ttl, limit = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
local inUse = redis.call('ZCARD', key)
if not redis.call('ZSCORE', key, token) then
  if limit >= 0 and inUse >= limit then return { 0, inUse } end
  inUse = inUse + 1
end
redis.call('ZADD', key, now + ttl, token)
-- A shorter TTL of this token must not take the longer one of another with it.
if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
return { 1, inUse }
