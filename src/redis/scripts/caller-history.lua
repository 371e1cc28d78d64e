-- A caller's earlier calls, then this one added: idempotent by call id.
-- KEYS: 1 caller's sorted set (call id, score arrival in ms)
-- ARGV: 1 call id, 2 arrival (ms), 3 most age (ms), 4 most calls kept
-- Returns: { number of earlier calls, arrival of the last of them | nil }
local key, id, at = KEYS[1], ARGV[1], tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', key, '-inf', at - tonumber(ARGV[3]))
redis.call('ZREM', key, id)
local previous = redis.call('ZCOUNT', key, '-inf', at)
local last = redis.call('ZREVRANGEBYSCORE', key, at, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
redis.call('ZADD', key, at, id)
redis.call('ZREMRANGEBYRANK', key, 0, -1 - tonumber(ARGV[4]))
redis.call('PEXPIRE', key, ARGV[3])
return { previous, last[2] or false }
