-- Housekeeping of the stream and of what is queued. Undelivered events hold the stream's tail.
-- KEYS: 1 events stream, 2 endpoints (all of hash tag {calls})
-- ARGV: 1 most age (ms), 2 most events, 3 outbox key prefix, 4 after how long an endpoint that no gateway serves is given up (ms),
--       5 most steps of work in one go, 6 age of dead letters (ms), 7 … endpoints that the calling gateway serves
-- Returns: { events trimmed, deliveries dropped with endpoints that nobody serves any more }
--- @include now
local events, registry, prefix, steps = KEYS[1], KEYS[2], ARGV[3], tonumber(ARGV[5])
local now = clock()
local dropped = 0

for i = 7, #ARGV do redis.call('ZADD', registry, now, ARGV[i]) end

local function drop(endpoint)
  local base = prefix .. endpoint .. ':'
  for _, set in ipairs({ 'due', 'flight' }) do
    for _, key in ipairs(redis.call('ZRANGE', base .. set, 0, steps - 1)) do
      dropped = dropped + redis.call('LLEN', base .. 'todo:' .. key)
      redis.call('DEL', base .. 'todo:' .. key)
      redis.call('ZREM', base .. set, key)
    end
  end
  if redis.call('EXISTS', base .. 'due', base .. 'flight') > 0 then return end
  redis.call('DEL', base .. 'backlog', base .. 'tries', base .. 'health')
  redis.call('ZREM', registry, endpoint)
end

for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', registry, '-inf', now - tonumber(ARGV[4]))) do drop(endpoint) end

-- The oldest undelivered event of all endpoints: nothing from its millisecond on is trimmed.
local floor = now
for _, endpoint in ipairs(redis.call('ZRANGE', registry, 0, -1)) do
  local base = prefix .. endpoint .. ':'
  local oldest = redis.call('ZRANGE', base .. 'backlog', 0, 0, 'WITHSCORES')
  if oldest[2] then floor = math.min(floor, tonumber(oldest[2])) end
  redis.call('XTRIM', base .. 'dead', 'MINID', now - tonumber(ARGV[6]))
end

local cut = now - tonumber(ARGV[1])
local excess = redis.call('XLEN', events) - tonumber(ARGV[2])
if excess > 0 then
  local entries = redis.call('XRANGE', events, '-', '+', 'COUNT', math.min(excess, steps) + 1)
  if #entries > 0 then cut = math.max(cut, tonumber(string.match(entries[#entries][1], '^%d+'))) end
end
return { redis.call('XTRIM', events, 'MINID', math.min(cut, floor)), dropped }
