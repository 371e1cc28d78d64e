-- Counts a wrong password.
-- KEYS: 1 counter
-- ARGV: 1 time to live after the last one (ms)
-- Returns: the count
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count
