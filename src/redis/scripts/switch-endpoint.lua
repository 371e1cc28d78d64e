-- Stops deliveries to an endpoint, or lets them go on, and tells so in the same step.
-- KEYS: 1 disabled, 2 health, 3 failed, 4 due, 5 backlog, 6 events stream, 7 endpoints (all of hash tag {calls})
-- ARGV: 1 "disable" | "enable" | "reconfigure" (enables what was disabled with another configuration, not by request), 2 endpoint,
--       3 reason, 4 fingerprint of the configuration, 5 outbox key prefix, 6 event id, 7 type, 8 timestamp, 9 … endpoints to tell
-- Returns: 1 when that changed anything
--- @include now
--- @include enqueue
--- @include tell
local disabled, health, failed, due, backlog, events, registry = unpack(KEYS)
local action, endpoint, reason, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local now = clock()
local stored = redis.call('HMGET', disabled, 'reason', 'config')
local data = { endpoint = endpoint, reason = reason, undelivered = redis.call('ZCARD', backlog) }

if action == 'disable' then
  if stored[1] then return 0 end
  local since = redis.call('HGET', health, 'since')
  data.failingSeconds = since and math.floor((now - tonumber(since)) / 1000) or 0
  redis.call('HSET', disabled, 'at', now, 'reason', reason, 'config', ARGV[4])
else
  if not stored[1] then return 0 end
  if action == 'reconfigure' and (stored[1] == 'request' or stored[2] == ARGV[4]) then return 0 end
  redis.call('DEL', disabled, health, failed)
  -- What waits for its retry goes now. Bounded; what is beyond keeps its own time.
  for _, waiting in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', due, now, waiting)
  end
end
local told = { id = ARGV[6], type = ARGV[7], timestamp = ARGV[8], endpoints = { unpack(ARGV, 9) } }
tell(events, registry, prefix, told, data, 'webhook ' .. endpoint, now)
return 1
