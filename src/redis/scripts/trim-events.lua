#!lua flags=allow-oom
-- Housekeeping of the stream and of what is queued. Undelivered events hold the stream's tail, within bounds; what is dropped
-- beyond them is told in the same step.
-- KEYS: 1 events stream, 2 endpoints, 3 erased events (all of hash tag {calls})
-- ARGV: 1 most age (ms), 2 most events, 3 outbox key prefix, 4 after how long an endpoint that no gateway serves is given up (ms),
--       5 most steps of work in one go, 6 age of dead letters (ms), 7 most age of undelivered events (ms), 8 most of them, and of dead letters, per endpoint,
--       9 seed of event ids (24 hex digits), 10 type, 11 timestamp, 12 number of endpoints to tell, then they,
--       then endpoints that the calling gateway serves
-- Returns: { events trimmed, 1 where more are to go, flat list: endpoint, reason, deliveries dropped, … }
--- @include now
--- @include enqueue
--- @include tell
local events, registry, prefix, steps = KEYS[1], KEYS[2], ARGV[3], tonumber(ARGV[5])
local now = clock()
local drops = {}
local firstServed = 13 + tonumber(ARGV[12])

for i = firstServed, #ARGV do redis.call('ZADD', registry, now, ARGV[i]) end

local function dropped(endpoint, reason, count, oldest)
  if count == 0 then return end
  local told = { id = 'evt_' .. ARGV[9] .. string.format('%08x', #drops / 3), type = ARGV[10], timestamp = ARGV[11], endpoints = {} }
  for i = 13, firstServed - 1 do if ARGV[i] ~= endpoint then told.endpoints[#told.endpoints + 1] = ARGV[i] end end
  local data = { endpoint = endpoint, events = count, reason = reason, oldestSeconds = math.floor((now - oldest) / 1000) }
  tell(events, registry, prefix, told, data, 'webhook ' .. endpoint, now)
  for _, value in ipairs({ endpoint, reason, count }) do drops[#drops + 1] = value end
end

local function oldestOf(base)
  return tonumber(redis.call('ZRANGE', base .. 'backlog', 0, 0, 'WITHSCORES')[2] or now)
end

-- An endpoint that has left the configuration; from the registry with its last dead letter.
local function dropAll(endpoint)
  local base, count = prefix .. endpoint .. ':', 0
  local oldest = oldestOf(base)
  for _, set in ipairs({ 'due', 'flight' }) do
    for _, key in ipairs(redis.call('ZRANGE', base .. set, 0, steps - 1)) do
      count = count + redis.call('LLEN', base .. 'todo:' .. key)
      redis.call('DEL', base .. 'todo:' .. key)
      redis.call('ZREM', base .. set, key)
    end
  end
  if redis.call('EXISTS', base .. 'due', base .. 'flight') == 0 then
    -- Freed aside: a backlog may be a million long.
    redis.call('UNLINK', base .. 'backlog', base .. 'tries', base .. 'health', base .. 'failed', base .. 'disabled', base .. 'config', base .. 'replays', base .. 'log', base .. 'dead-told')
    -- Its dead letters keep their time; while there are any, who forgets a caller must find them.
    if redis.call('XLEN', base .. 'dead') == 0 then
      redis.call('DEL', base .. 'dead')
      redis.call('ZREM', registry, endpoint)
    end
  end
  dropped(endpoint, 'unserved', count, oldest)
end

-- Whether an event was queued before `cut`: when it was written, or later, when it was queued again.
local function queuedBefore(cut, base, id)
  if tonumber(string.match(id, '^%d+')) >= cut then return false end
  local replay = redis.call('HGET', base .. 'replays', id)
  return not replay or cjson.decode(replay).at < cut
end

-- Undelivered events queued before `cut`; those being sent at this moment stay.
local function dropBefore(endpoint, cut, reason)
  local base, count = prefix .. endpoint .. ':', 0
  local oldest = oldestOf(base)
  if oldest >= cut then return end
  for _, key in ipairs(redis.call('ZRANGE', base .. 'due', 0, steps - 1)) do
    local todo = base .. 'todo:' .. key
    local id = redis.call('LINDEX', todo, 0)
    while id and queuedBefore(cut, base, id) do
      redis.call('LPOP', todo)
      redis.call('ZREM', base .. 'backlog', id)
      redis.call('HDEL', base .. 'tries', key)
      redis.call('HDEL', base .. 'replays', id)
      count = count + 1
      id = redis.call('LINDEX', todo, 0)
    end
    if not id then redis.call('ZREM', base .. 'due', key) end
  end
  dropped(endpoint, reason, count, oldest)
end

-- Dead letters that nobody has repeated were never delivered either.
local function dropLetters(endpoint)
  local dead = prefix .. endpoint .. ':dead'
  for reason, limit in pairs({ age = { 'MINID', now - tonumber(ARGV[6]) }, count = { 'MAXLEN', ARGV[8] } }) do
    local first = redis.call('XRANGE', dead, '-', '+', 'COUNT', 1)[1]
    if not first then return end
    -- The first of its fields is the event's stream id.
    dropped(endpoint, reason, redis.call('XTRIM', dead, unpack(limit)), tonumber(string.match(first[2][2], '^%d+')))
  end
end

for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', registry, '-inf', now - tonumber(ARGV[4]))) do dropAll(endpoint) end

-- The oldest undelivered event of all endpoints that has its text in the stream: nothing from its millisecond on is trimmed.
local floor = now
for _, endpoint in ipairs(redis.call('ZRANGE', registry, 0, -1)) do
  local base = prefix .. endpoint .. ':'
  dropBefore(endpoint, now - tonumber(ARGV[7]), 'age')
  local excess = redis.call('ZCARD', base .. 'backlog') - tonumber(ARGV[8])
  if excess > 0 then
    local first = redis.call('ZRANGE', base .. 'backlog', excess, excess, 'WITHSCORES')
    dropBefore(endpoint, tonumber(first[2]), 'count')
  end
  floor = math.min(floor, oldestOf(base))
  dropLetters(endpoint)
  redis.call('XTRIM', base .. 'log', 'MINID', now - tonumber(ARGV[6]))
end

-- What is too old goes, and what is too many, the oldest first and some at a time; nothing that is undelivered, and nothing of
-- a millisecond of which something stays.
local old = now - tonumber(ARGV[1])
local surplus = math.max(0, redis.call('XLEN', events) - tonumber(ARGV[2]))
local oldest = redis.call('XRANGE', events, '-', surplus > 0 and '+' or old - 1, 'COUNT', steps + 1)
local cut, more = math.min(old, floor), false
for i, entry in ipairs(oldest) do
  local at = tonumber(string.match(entry[1], '^%d+'))
  if i > steps or at >= floor or at >= old and i > surplus then
    cut, more = at, i > steps
    break
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. cut)
local trimmed = redis.call('XTRIM', events, 'MINID', cut)
return { trimmed, more and 1 or 0, drops }
