-- Stops deliveries to an endpoint, or lets them go on, and tells so in the same step.
-- KEYS: 1 disabled, 2 health, 3 failed, 4 due, 5 backlog, 6 events stream, 7 endpoints, 8 configuration (all of hash tag {calls})
-- ARGV: 1 "disable" | "enable" | "reconfigure" (another configuration: enables what was disabled with a former one, not by request), 2 endpoint,
--       3 reason, 4 fingerprint of the configuration, 5 outbox key prefix, 6 event id, 7 type, 8 timestamp, 9 … endpoints to tell
-- Returns: 1 when that changed anything
--- @include now
--- @include enqueue
--- @include superseded
--- @include tell
local disabled, health, failed, due, backlog, events, registry, config = unpack(KEYS)
local action, endpoint, reason, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local now = clock()
local stored = redis.call('HMGET', disabled, 'reason', 'config')

-- What was heard before says nothing of how it is now. What waits for its retry goes at once; bounded, what is beyond keeps its own time.
local function beginAnew()
  redis.call('DEL', disabled, health, failed)
  for _, waiting in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', due, now, waiting)
  end
end

local data = { endpoint = endpoint, reason = reason, undelivered = redis.call('ZCARD', backlog) }

if action == 'disable' then
  if stored[1] or reason ~= 'request' and isSuperseded(config, ARGV[4], now, false) then return 0 end
  local since = redis.call('HGET', health, 'since')
  data.failingSeconds = since and math.floor((now - tonumber(since)) / 1000) or 0
  redis.call('HSET', disabled, 'at', now, 'reason', reason, 'config', ARGV[4])
else
  if action == 'reconfigure' then
    local former = redis.call('HGET', config, 'fingerprint')
    countsFrom(config, ARGV[4], now)
    if not stored[1] and former and former ~= ARGV[4] then beginAnew() end
    if stored[1] == 'request' or stored[2] == ARGV[4] then return 0 end
  end
  if not stored[1] then return 0 end
  beginAnew()
  redis.call('HSET', config, 'enabled', now)
end
local told = { id = ARGV[6], type = ARGV[7], timestamp = ARGV[8], endpoints = { unpack(ARGV, 9) } }
tell(events, registry, prefix, told, data, 'webhook ' .. endpoint, now)
return 1
