-- The next calls that a rebuild of the history's index comes to, from the newest to the oldest.
-- KEYS: 1 recent calls, 2 state of the index
-- ARGV: 1 call key prefix, 2 most
-- Returns: generation ("": nothing is rebuilt), last call looked at ("": none is left), when it began (ms), then for each:
--          id, when it began (ms), index entry as stored, document (JSON; "" where it is gone)
--- @include history
local generation, rebuild, after, afterAt = unpack(redis.call('HMGET', KEYS[2], 'generation', 'rebuild', 'after', 'after-at'))
if not rebuild then return { '', '', 0 } end
local start = 0
if after then
  local rank = redis.call('ZREVRANK', KEYS[1], after)
  start = rank and rank + 1 or redis.call('ZCOUNT', KEYS[1], '(' .. afterAt, '+inf')
end
local found = redis.call('ZREVRANGE', KEYS[1], start, start + tonumber(ARGV[2]) - 1, 'WITHSCORES')
local out = { generation, found[#found - 1] or '', found[#found] or 0 }
for i = 1, #found, 2 do
  local stored = redis.call('HMGET', ARGV[1] .. found[i], 'ix', 'place', 'doc')
  -- Those that came meanwhile have a place already.
  if not placeIn(generation, stored[2]) then
    for _, value in ipairs({ found[i], found[i + 1], stored[1] or '', stored[3] or '' }) do out[#out + 1] = value end
  end
end
return out
