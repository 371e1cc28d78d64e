-- How a pool stands now.
-- KEYS: 1 pool (number by when it is free)
-- Returns: { free, all }
--- @include now
return { redis.call('ZCOUNT', KEYS[1], '-inf', clock()), redis.call('ZCARD', KEYS[1]) }
