-- Counts an attempt to log in, unless it must wait.
-- KEYS: 1 attempts of one user or address (hash)
-- ARGV: 1 attempts without a wait, 2 first wait (ms), 3 longest wait (ms), 4 time to live after the last one (ms)
-- Returns: how long to wait (ms); 0: counted, go on
--- @include now
local now = clock()
local stored = redis.call('HMGET', KEYS[1], 'count', 'until')
local wait = tonumber(stored[2] or 0) - now
if wait > 0 then return wait end
local count = math.max(0, tonumber(stored[1] or 0)) + 1
redis.call('HSET', KEYS[1], 'count', count)
local free = tonumber(ARGV[1])
if count >= free then
  local delay = math.min(tonumber(ARGV[3]), tonumber(ARGV[2]) * 2 ^ (count - free))
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + delay))
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
