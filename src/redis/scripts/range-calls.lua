-- Calls from a range of numbers, this one added.
-- KEYS: 1 calls of the range (sorted set: call id by arrival)
-- ARGV: 1 call id, 2 arrival (ms), 3 most calls kept, 4 … windows to count (ms), the longest first
-- Returns: calls within each window, this one included
local at = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], at, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - tonumber(ARGV[4]))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local out = {}
for i = 4, #ARGV do out[#out + 1] = redis.call('ZCOUNT', KEYS[1], at - tonumber(ARGV[i]), '+inf') end
return out
