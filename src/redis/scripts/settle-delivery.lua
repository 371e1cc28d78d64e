-- Writes down how one attempt ended.
-- KEYS: 1 due, 2 flight, 3 tries, 4 health, 5 backlog, 6 events stream, 7 dead letters, 8 todo list (all of hash tag {calls})
-- ARGV: 1 ordering key, 2 stream id, 3 attempt, 4 outcome ("delivered" | "retry" | "dead" | "abandoned"), 5 delay of a retry (ms),
--       6 pause of the whole endpoint (ms, 0 for none), 7 failures at which it counts as failing, 8 first and 9 longest wait between probes (ms),
--       10 reason
-- Returns: { applied 1|0, something is due now 1|0, failing 1|0, it changed with this 1|0 }
--- @include now
local due, flight, tries, health, backlog, events, dead, todo = unpack(KEYS)
local key, id, attempt, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local threshold = tonumber(ARGV[7])
local now = clock()

local function isFailing() return tonumber(redis.call('HGET', health, 'failures') or 0) >= threshold end
local wasFailing = isFailing()

local function bury()
  local entry = redis.call('XRANGE', events, id, id)[1]
  redis.call('XADD', dead, '*', 'event', id, 'key', key, 'attempts', attempt, 'reason', ARGV[10], unpack(entry and entry[2] or {}))
end

local function next()
  redis.call('LPOP', todo)
  redis.call('HDEL', tries, key)
  redis.call('ZREM', backlog, id)
  if redis.call('LLEN', todo) > 0 then redis.call('ZADD', due, now, key) else redis.call('ZREM', due, key) end
end

-- The endpoint answers again: what waited for its retry goes now. Bounded; what is beyond keeps its own time.
local function recover()
  redis.call('DEL', health)
  if not wasFailing then return end
  for _, waiting in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', due, now, waiting)
  end
end

-- One event that its receiver cannot digest must not make the endpoint look dead: only another call's failure counts on.
local function fail()
  if redis.call('HGET', health, 'lastKey') ~= key then
    redis.call('HINCRBY', health, 'failures', 1)
    redis.call('HSET', health, 'lastKey', key)
  end
  redis.call('HSETNX', health, 'since', now)
  local pause = tonumber(ARGV[6])
  if pause > 0 then
    redis.call('HSET', health, 'failures', math.max(threshold, tonumber(redis.call('HGET', health, 'failures'))))
  end
  if not isFailing() then return end
  -- What was in flight together when the endpoint went down is one failure, not many probes.
  if wasFailing and redis.call('ZCARD', flight) == 0 then redis.call('HINCRBY', health, 'probes', 1) end
  local probes = tonumber(redis.call('HGET', health, 'probes') or 0)
  local wait = pause > 0 and pause or math.min(tonumber(ARGV[9]), tonumber(ARGV[8]) * 2 ^ math.min(probes, 20))
  redis.call('HSET', health, 'probeAt', now + wait)
end

local held = redis.call('HGET', tries, key) == attempt
local applied = redis.call('LINDEX', todo, 0) == id and (held or outcome == 'delivered')
if applied then
  redis.call('ZREM', flight, key)
  if outcome == 'delivered' then
    next()
    recover()
  elseif outcome == 'dead' then
    bury()
    next()
    fail()
  elseif outcome == 'retry' then
    redis.call('ZADD', due, now + tonumber(ARGV[5]), key)
    fail()
  else
    redis.call('HINCRBY', tries, key, -1)
    redis.call('ZADD', due, now, key)
    if wasFailing then redis.call('HSET', health, 'probeAt', now) end
  end
end
local failing = isFailing()
local waiting = #redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 1)
return { applied and 1 or 0, waiting, failing and 1 or 0, failing ~= wasFailing and 1 or 0 }
