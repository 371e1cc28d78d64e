-- Channels of one resource in use now.
-- KEYS: 1 channel's sorted set
-- Returns: the count
--- @include now
return redis.call('ZCOUNT', KEYS[1], '(' .. clock(), '+inf')
