-- Renews tokens of one resource, and takes them again where the server lost them (restart, TTL passed while it was away).
-- KEYS: 1 channel's sorted set
-- ARGV: 1 time to live (ms), 2 … tokens
-- Returns: channels in use after this
--- @include now
local key, ttl = KEYS[1], tonumber(ARGV[1])
local now = clock()
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
for i = 2, #ARGV do redis.call('ZADD', key, 'GT', now + ttl, ARGV[i]) end
if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
return redis.call('ZCARD', key)
