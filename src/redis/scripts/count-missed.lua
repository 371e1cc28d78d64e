#!lua flags=allow-oom
-- Looks whether the queue of those to call back holds all who were counted beside it; or counts who is there, and removes
-- what is not an entry with both its parts.
-- KEYS: 1 waiting callers, 2 state of the index
-- ARGV: 1 history key prefix, 2 1: counts; 0: only looks
-- Returns: 1: it does; 0: something is lost
--- @include history
local history = ARGV[1]
if ARGV[2] == '1' then
  for _, who in ipairs(redis.call('HKEYS', history .. 'missed-by')) do
    if not redis.call('ZSCORE', KEYS[1], who) then dropMissed(history, who) end
  end
  for _, who in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if redis.call('HEXISTS', history .. 'missed-by', who) == 0 then dropMissed(history, who) end
  end
  redis.call('HSET', KEYS[2], 'waiting', redis.call('ZCARD', KEYS[1]))
end
local counted = tonumber(redis.call('HGET', KEYS[2], 'waiting') or -1)
return counted == redis.call('ZCARD', KEYS[1]) and counted == redis.call('HLEN', history .. 'missed-by') and 1 or 0
