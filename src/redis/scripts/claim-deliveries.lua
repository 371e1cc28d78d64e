-- Takes up to n deliveries of one endpoint that are due; what a dead worker held comes back when its lease has passed.
-- KEYS: 1 due, 2 flight, 3 tries, 4 health, 5 backlog, 6 events stream (all of hash tag {calls})
-- ARGV: 1 most deliveries, 2 lease (ms), 3 failures at which the endpoint counts as failing, 4 todo key prefix
-- Returns: { lost, flat list: ordering key, stream id, attempt, age in ms, event id, timestamp, body, … }
--   lost: queued events whose text the stream no longer has
--- @include now
local due, flight, tries, health, backlog, events = unpack(KEYS)
local n, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()
local lost, out = 0, {}

for _, key in ipairs(redis.call('ZRANGEBYSCORE', flight, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', flight, key)
  redis.call('ZADD', due, now, key)
end

-- A failing endpoint gets one request at a time, and not before its next probe.
local failing = tonumber(redis.call('HGET', health, 'failures') or 0) >= tonumber(ARGV[3])
if failing then
  if tonumber(redis.call('HGET', health, 'probeAt') or 0) > now then return { 0, {} } end
  n = 1
end

local function fieldsOf(id)
  local entry = redis.call('XRANGE', events, id, id)[1]
  if not entry then return nil end
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function head(todo)
  while true do
    local id = redis.call('LINDEX', todo, 0)
    if not id then return nil end
    local fields = fieldsOf(id)
    if fields then return id, fields end
    redis.call('LPOP', todo)
    redis.call('ZREM', backlog, id)
    lost = lost + 1
  end
end

for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, n)) do
  local id, fields = head(ARGV[4] .. key)
  redis.call('ZREM', due, key)
  if id then
    redis.call('ZADD', flight, now + lease, key)
    local attempt = redis.call('HINCRBY', tries, key, 1)
    local age = now - tonumber(string.match(id, '^%d+'))
    for _, value in ipairs({ key, id, attempt, age, fields.id, fields.at, fields.body }) do out[#out + 1] = value end
  else
    redis.call('HDEL', tries, key)
  end
end
if failing and #out > 0 then redis.call('HSET', health, 'probeAt', now + lease) end
return { lost, out }
