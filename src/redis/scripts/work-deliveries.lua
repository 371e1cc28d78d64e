-- One exchange of an endpoint's worker: writes down how attempts have ended, and takes what is due. What a dead worker held
-- comes back when its lease has passed.
-- KEYS: 1 due, 2 flight, 3 tries, 4 health, 5 backlog, 6 events stream, 7 dead letters, 8 disabled, 9 replays, 10 log
--       (all of hash tag {calls})
-- ARGV: 1 most to take, 2 lease (ms), 3 failures at which the endpoint counts as failing, 4 first and 5 longest wait between
--       probes (ms), 6 todo key prefix, 7 prefix of what is told of a call, 8 retention of that (ms), 9 endpoint, 10 length of the log,
--       then per ended attempt: ordering key, stream id, attempt, outcome ("delivered" | "retry" | "dead" | "abandoned" |
--       "returned"), delay of a retry (ms) or reason of the death, pause of the whole endpoint (ms, 0 for none), event id, type, status ("" for none),
--       latency (ms), text
-- Returns: { lost, disabled 1|0, failing 1|0, changed by this 1|0, failing for (ms), ms until the next is due (-1: none),
--   list of applied 1|0, flat list: ordering key, stream id, attempt, age in ms, followed 1|0, event id, type, timestamp, body, … }
--   lost: queued events whose text the stream no longer has
--- @include now
local due, flight, tries, health, backlog, events, dead, disabledKey, replays, log = unpack(KEYS)
local FIRST, WIDTH = 11, 11
local threshold, todoPrefix = tonumber(ARGV[3]), ARGV[6]
local now = clock()

local stored = redis.call('HMGET', health, 'failures', 'probeAt', 'since')
local failures, probeAt = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local since = tonumber(stored[3] or now)
local wasFailing = failures >= threshold
-- Both are rare: one look for the two.
local disabled, replaying = false, false
if redis.call('EXISTS', disabledKey, replays) > 0 then
  disabled = redis.call('EXISTS', disabledKey) == 1
  replaying = redis.call('EXISTS', replays) == 1
end

-- What a replayed event is queued with: { at = when, fields = the event's own where the stream has lost them }.
local function replayOf(id)
  local text = replaying and redis.call('HGET', replays, id)
  return text and cjson.decode(text) or nil
end

-- Flat fields of an event, or nil.
local function entryOf(id)
  local entry = redis.call('XRANGE', events, id, id)[1]
  if entry then return entry[2] end
  local replay = replayOf(id)
  return replay and replay.fields
end

-- How attempts ended ------------------------------------------------------------------------------------------------
local landed, gone, untried, again = {}, {}, {}, {}

local function schedule(at, key)
  again[#again + 1] = at
  again[#again + 1] = key
end

local function finish(key, id, held, followed)
  redis.call('LPOP', todoPrefix .. key)
  gone[#gone + 1] = id
  untried[#untried + 1] = key
  if followed then schedule(now, key)
  elseif not held then redis.call('ZREM', due, key) end
end

-- The endpoint answers again: what waited for its retry goes now. Bounded; what is beyond keeps its own time.
local function recover()
  if failures == 0 then return end
  redis.call('DEL', health)
  if failures >= threshold then
    for _, waiting in ipairs(redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, 1000)) do
      redis.call('ZADD', due, now, waiting)
    end
  end
  failures, probeAt, since = 0, 0, now
end

-- One event that its receiver cannot digest must not make the endpoint look dead: only another call's failure counts on.
local function fail(key, pause)
  local before = failures
  if redis.call('HGET', health, 'lastKey') ~= key then
    failures = redis.call('HINCRBY', health, 'failures', 1)
    redis.call('HSET', health, 'lastKey', key)
  end
  redis.call('HSETNX', health, 'since', now)
  if pause > 0 and failures < threshold then
    failures = threshold
    redis.call('HSET', health, 'failures', failures)
  end
  if failures < threshold then return end
  -- What was in flight together when the endpoint went down is one failure, not many probes.
  if before >= threshold and redis.call('ZCARD', flight) == 1 then redis.call('HINCRBY', health, 'probes', 1) end
  local probes = tonumber(redis.call('HGET', health, 'probes') or 0)
  local wait = pause > 0 and pause or math.min(tonumber(ARGV[5]), tonumber(ARGV[4]) * 2 ^ math.min(probes, 20))
  probeAt = now + wait
  redis.call('HSET', health, 'probeAt', probeAt)
end

local function note(at, outcome)
  local key, id = ARGV[at], ARGV[at + 1]
  local entry = redis.call('XADD', log, 'MAXLEN', '~', ARGV[10], '*', 'event', ARGV[at + 6], 'cursor', id, 'type', ARGV[at + 7], 'key', key,
    'attempt', ARGV[at + 2], 'outcome', outcome, 'status', ARGV[at + 8], 'ms', ARGV[at + 9], 'text', ARGV[at + 10])
  if string.sub(key, 1, 6) == 'about:' then return end
  local told = ARGV[7] .. key
  if redis.call('HSET', told, ARGV[9] .. ' ' .. ARGV[at + 6], outcome .. ' ' .. ARGV[at + 2] .. ' ' .. entry) == 1 then
    redis.call('PEXPIRE', told, ARGV[8])
  end
end

local function bury(at)
  local id = ARGV[at + 1]
  local fields = entryOf(id) or {}
  redis.call('XADD', dead, '*', 'event', id, 'key', ARGV[at], 'attempts', ARGV[at + 2], 'reason', ARGV[at + 4], unpack(fields))
end

local function settle(at, tried)
  local key, id, outcome = ARGV[at], ARGV[at + 1], ARGV[at + 3]
  local held = tried == ARGV[at + 2]
  if not held and outcome ~= 'delivered' then return 0 end
  local queued = redis.call('LRANGE', todoPrefix .. key, 0, 1)
  if queued[1] ~= id then return 0 end
  if outcome == 'delivered' then
    finish(key, id, held, queued[2])
    recover()
  elseif outcome == 'dead' then
    bury(at)
    finish(key, id, held, queued[2])
    fail(key, 0)
  elseif outcome == 'retry' then
    schedule(now + tonumber(ARGV[at + 4]), key)
    fail(key, tonumber(ARGV[at + 5]))
  else
    redis.call('HINCRBY', tries, key, -1)
    schedule(now, key)
    if wasFailing and outcome == 'abandoned' then
      probeAt = now
      redis.call('HSET', health, 'probeAt', now)
    end
  end
  if outcome ~= 'abandoned' and outcome ~= 'returned' then note(at, outcome) end
  landed[#landed + 1] = key
  return 1
end

local applied = {}
if #ARGV >= FIRST then
  local keys = {}
  for at = FIRST, #ARGV, WIDTH do keys[#keys + 1] = ARGV[at] end
  local tried = redis.call('HMGET', tries, unpack(keys))
  for i = 1, #keys do applied[i] = settle(FIRST + (i - 1) * WIDTH, tried[i]) end
  if #landed > 0 then redis.call('ZREM', flight, unpack(landed)) end
  if #gone > 0 then
    redis.call('ZREM', backlog, unpack(gone))
    redis.call('HDEL', tries, unpack(untried))
    if replaying then redis.call('HDEL', replays, unpack(gone)) end
  end
  if #again > 0 then redis.call('ZADD', due, unpack(again)) end
end

-- What is due -------------------------------------------------------------------------------------------------------
local lost, out, taken = 0, {}, {}
local late = redis.call('ZRANGEBYSCORE', flight, '-inf', now, 'LIMIT', 0, 100)
for _, key in ipairs(late) do
  redis.call('ZREM', flight, key)
  redis.call('ZADD', due, now, key)
end

local failing = failures >= threshold
local most = tonumber(ARGV[1])
if disabled or failing and probeAt > now then most = 0
-- A failing endpoint gets one request at a time, and not before its next probe.
elseif failing then most = math.min(most, 1) end

-- The first event of a key that still has its text, and whether others follow.
local function head(key)
  while true do
    local ids = redis.call('LRANGE', todoPrefix .. key, 0, 1)
    if not ids[1] then return nil end
    local fields = entryOf(ids[1])
    if fields then return ids[1], fields, ids[2] and 1 or 0 end
    redis.call('LPOP', todoPrefix .. key)
    -- What retention dropped has been told already.
    lost = lost + redis.call('ZREM', backlog, ids[1])
  end
end

local function take(key, attempt)
  local id, flat, followed = head(key)
  if not id then
    redis.call('HDEL', tries, key)
    return
  end
  taken[#taken + 1] = now + tonumber(ARGV[2])
  taken[#taken + 1] = key
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  local replay = replayOf(id)
  local age = now - (replay and replay.at or tonumber(string.match(id, '^%d+')))
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = key, id, attempt, age, followed
  out[n + 6], out[n + 7], out[n + 8], out[n + 9] = fields.id, fields.type, fields.at, fields.body
end

if most > 0 then
  local keys = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
  if #keys > 0 then
    for _, key in ipairs(keys) do take(key, redis.call('HINCRBY', tries, key, 1)) end
    redis.call('ZREM', due, unpack(keys))
    if #taken > 0 then redis.call('ZADD', flight, unpack(taken)) end
    if failing and #taken > 0 then
      probeAt = now + tonumber(ARGV[2])
      redis.call('HSET', health, 'probeAt', probeAt)
    end
  end
end

local next = -1
if not disabled then
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  if first then next = math.max(0, tonumber(first) - now, failing and probeAt - now or 0) end
  local ends = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2]
  if ends and (next < 0 or tonumber(ends) - now < next) then next = math.max(0, tonumber(ends) - now) end
end
return { lost, disabled and 1 or 0, failing and 1 or 0, failing ~= wasFailing and 1 or 0, failures > 0 and now - since or 0, next, applied, out }
