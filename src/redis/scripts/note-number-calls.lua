-- Calls that are up on a tracking number: while there are any, it is not lent away. No limit, no books.
-- KEYS: 1 sorted set (token by when it frees itself)
-- ARGV: 1 time to live (ms; 0 releases), 2 … tokens
-- Returns: how many there are after this
--- @include now
local key, ttl = KEYS[1], tonumber(ARGV[1])
local now = clock()
for i = 2, #ARGV do
  if ttl > 0 then redis.call('ZADD', key, 'GT', now + ttl, ARGV[i]) else redis.call('ZREM', key, ARGV[i]) end
end
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
if ttl > 0 and redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
return redis.call('ZCARD', key)
