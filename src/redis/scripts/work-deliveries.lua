#!lua flags=allow-oom
-- One exchange of an endpoint's worker: writes down how the batches that it sent have ended, then takes what is due.
--
-- Events wait by key (the id of their call, as a rule). The list `todo:<key>` has their stream ids, the next one to be sent
-- first. While it has any, the key stands in one of two sorted sets: in `due`, by when it may be sent, or in `flight`, by
-- when the lease of the worker ends who has it. A batch is the first events of one key, leased together and sent one after
-- the other. Every id in a list stands in `backlog` too: that is what is counted, and what keeps the stream from being trimmed.
--
--   what happens               the list          the key is then        attempts at the first event (`tries`)
--   taken                      as it was         in flight              one more
--   delivered                  loses the first   due now, if any left   begin anew
--   retry: the attempt failed  as it was         due later              as they were
--   dead: no further attempt   loses the first   due now, if any left   begin anew
--   abandoned, returned        as it was         due now                one less: it was not sent, or broken off
--   the lease has ended        as it was         due now                as they were
--
-- A worker holds a key while it is in flight, `tries` is what it was when he took it, and the first event is the one he was
-- given. Who no longer holds it was too slow, or says once more what was written down already (the answer to the first time was
-- lost). What he delivered leaves the list all the same; nothing else that he says counts.
--
-- KEYS: 1 due, 2 flight, 3 tries, 4 health, 5 failed, 6 backlog, 7 events stream, 8 dead letters, 9 disabled, 10 replays, 11 log,
--       12 configuration (all of hash tag {calls})
-- ARGV: 1 most events to take, 2 most of one key, 3 lease (ms), 4 failures at which the endpoint counts as failing, 5 first and
--       6 longest wait between probes (ms), 7 todo key prefix, 8 prefix of what is told of a call, 9 retention of that (ms),
--       10 endpoint, 11 length of the log, 12 fingerprint of the configuration that is worked with ("": of the one that counts),
--       then per ended batch: key, stream id of its first event, attempt at that, outcome ("delivered" | "retry" | "dead":
--       of the last attempt; "abandoned" | "returned": what was not sent goes back), delay of a retry (ms) or reason of the
--       death, 1 where that is a word on the event alone, pause of the whole endpoint (ms, 0 for none), number of attempts, then per
--       attempt, all but the last delivered: stream id, event id, line of the log
-- Returns: { lost, disabled 1|0, failing 1|0, changed by this 1|0, failing for (ms), ms until the next is due (-1: none),
--   list of applied 1|0, flat list: per batch key, attempt at its first event, followed 1|0, number of events, then per event
--   stream id, for how long it has been tried in ms, event id, type, timestamp, body }
--   lost: queued events whose text the stream no longer has
-- Cost: some 30 us an event, written down and taken; a worker asks for 1,088 at most (64 in flight and 1,024 ahead).
--- @include now
--- @include superseded
local due, flight, tries, health, failed, backlog, events, dead, disabledKey, replays, log, config = unpack(KEYS)
local FIRST, HEAD, WIDTH, KEYS_AT_A_TIME = 13, 8, 3, 32
local MOST_FAILED, MOST_LOOKED_AT = 1000, 100
local threshold, todoPrefix = tonumber(ARGV[4]), ARGV[7]
local now = clock()

local stored = redis.call('HMGET', health, 'failures', 'probeAt', 'since', 'quietUntil')
local failures, probeAt = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local since, quietUntil = tonumber(stored[3] or now), tonumber(stored[4] or 0)
local wasFailing = failures >= threshold
local superseded = isSuperseded(config, ARGV[12], now, true)
-- While it was disabled nothing was tried: what waited has all its attempts before it.
local enabledAt = tonumber(redis.call('HGET', config, 'enabled') or 0)
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

-- How batches ended --------------------------------------------------------------------------------------------------
local landed, gone, untried, again = {}, {}, {}, {}

local function schedule(at, key)
  again[#again + 1] = at
  again[#again + 1] = key
end

-- The endpoint answers again: what has failed since it did not goes now. What was under way when it asked for quiet says nothing of
-- the time after.
local function recover()
  if failures == 0 then return end
  if quietUntil > now then
    since = now
    redis.call('HSET', health, 'since', now)
    return
  end
  if failures >= threshold then
    for _, waiting in ipairs(redis.call('SMEMBERS', failed)) do
      local at = redis.call('ZSCORE', due, waiting)
      if at and tonumber(at) > now then redis.call('ZADD', due, now, waiting) end
    end
  end
  redis.call('DEL', health, failed)
  failures, probeAt, since = 0, 0, now
end

local function readBatch(at)
  return {
    key = ARGV[at], first = ARGV[at + 1], attempt = ARGV[at + 2], outcome = ARGV[at + 3], detail = ARGV[at + 4],
    verdict = ARGV[at + 5] == '1', pause = tonumber(ARGV[at + 6]), sent = tonumber(ARGV[at + 7]), at = at + HEAD, told = {},
  }
end

-- Only the first event of a batch can have been tried before.
local function attemptAt(batch, i) return i == 1 and batch.attempt or '1' end

local function probeIn(wait)
  probeAt = now + wait
  redis.call('HSET', health, 'probeAt', probeAt)
end

-- Whether the endpoint is up only first attempts tell: what is tried again may be what it refuses for ever. A word on the event
-- alone tells nothing, and leaves the probe to the next.
local function fail(batch)
  local before, telling = failures, not superseded and not batch.verdict and attemptAt(batch, batch.sent) == '1'
  if telling then failures = redis.call('HINCRBY', health, 'failures', 1) end
  if batch.pause > 0 and not superseded then
    failures, quietUntil = math.max(failures, threshold), math.max(quietUntil, now + batch.pause)
    redis.call('HSET', health, 'failures', failures, 'quietUntil', quietUntil)
  end
  if failures == 0 then return end
  redis.call('HSETNX', health, 'since', now)
  -- Bounded; what is beyond keeps its own time.
  if batch.outcome == 'retry' and redis.call('SCARD', failed) < MOST_FAILED then redis.call('SADD', failed, batch.key) end
  if failures < threshold then return end
  if batch.verdict then return probeIn(0) end
  -- What was in flight together when the endpoint went down is one failure, not many probes.
  if telling and before >= threshold and redis.call('ZCARD', flight) == 1 then redis.call('HINCRBY', health, 'probes', 1) end
  local probes = tonumber(redis.call('HGET', health, 'probes') or 0)
  probeIn(math.min(tonumber(ARGV[6]), tonumber(ARGV[5]) * 2 ^ math.min(probes, 20)))
end

local function note(batch, i, outcome)
  local at, told = batch.at + (i - 1) * WIDTH, batch.told
  local entry = redis.call('XADD', log, 'MAXLEN', '~', ARGV[11], '*', 'key', batch.key, 'attempt', ARGV[at + 2])
  told[#told + 1] = ARGV[10] .. ' ' .. ARGV[at + 1]
  told[#told + 1] = outcome .. ' ' .. attemptAt(batch, i) .. ' ' .. entry
end

local function tellCall(batch)
  if #batch.told == 0 or string.sub(batch.key, 1, 6) == 'about:' then return end
  local key = ARGV[8] .. batch.key
  if redis.call('HSET', key, unpack(batch.told)) > 0 then redis.call('PEXPIRE', key, ARGV[9]) end
end

local function bury(batch, id)
  local fields = entryOf(id) or {}
  redis.call('XADD', dead, '*', 'event', id, 'key', batch.key, 'attempts', attemptAt(batch, batch.sent), 'reason', batch.detail, unpack(fields))
end

-- Takes the delivered events of a batch off the front of what is queued: how many they were.
local function takeOff(batch, delivered, queued)
  local popped = 0
  for i = 1, delivered do
    local id = ARGV[batch.at + (i - 1) * WIDTH]
    if queued[popped + 1] == id then
      popped = popped + 1
      gone[#gone + 1] = id
      note(batch, i, 'delivered')
    end
  end
  return popped
end

-- The batch's last attempt failed, after `popped` delivered ones. Returns in how many ms the event is due again; nil: never.
local function settleFailed(batch, id, popped)
  note(batch, batch.sent, batch.outcome)
  fail(batch)
  if batch.outcome == 'dead' then
    bury(batch, id)
    gone[#gone + 1] = id
    return nil
  end
  if popped > 0 then redis.call('HSET', tries, batch.key, 1) end
  return tonumber(batch.detail)
end

-- Nothing of the batch was sent, or its first attempt was broken off.
local function settleUnsent(batch)
  redis.call('HINCRBY', tries, batch.key, -1)
  if wasFailing and batch.outcome == 'abandoned' then probeIn(0) end
end

-- One ended batch. `leased`, `tried`: the end of the lease and the attempts that stand at the key now. Returns 1 where the
-- batch's word counted.
local function settle(batch, leased, tried)
  local key, todo = batch.key, todoPrefix .. batch.key
  local failed = batch.outcome == 'retry' or batch.outcome == 'dead'
  local delivered = failed and batch.sent - 1 or batch.sent
  local queued = redis.call('LRANGE', todo, 0, batch.sent)
  local holds = leased and tried == batch.attempt and queued[1] == batch.first
  local popped = takeOff(batch, delivered, queued)
  local whole = popped == delivered
  holds = holds and whole
  if not holds and popped == 0 then return 0 end
  if popped > 0 then recover() end

  local wait, sameFirst = 0, false
  if holds and failed then
    local again = settleFailed(batch, queued[popped + 1], popped)
    if again then wait, sameFirst = again, true else popped = popped + 1 end
  elseif holds and popped == 0 then
    settleUnsent(batch)
    sameFirst = true
  end
  if popped > 0 then redis.call('LTRIM', todo, popped, -1) end
  if not sameFirst then untried[#untried + 1] = key end
  if queued[popped + 1] then schedule(now + wait, key)
  elseif not holds then redis.call('ZREM', due, key) end
  tellCall(batch)
  landed[#landed + 1] = key
  return (holds or whole and not failed) and 1 or 0
end

local applied = {}
if #ARGV >= FIRST then
  local batches, keys, at = {}, {}, FIRST
  while at <= #ARGV do
    local batch = readBatch(at)
    batches[#batches + 1], keys[#keys + 1] = batch, batch.key
    at = batch.at + batch.sent * WIDTH
  end
  local leased, tried = redis.call('ZMSCORE', flight, unpack(keys)), redis.call('HMGET', tries, unpack(keys))
  for i, batch in ipairs(batches) do applied[i] = settle(batch, leased[i], tried[i]) end
  if #landed > 0 then redis.call('ZREM', flight, unpack(landed)) end
  if #untried > 0 then redis.call('HDEL', tries, unpack(untried)) end
  if #gone > 0 then
    redis.call('ZREM', backlog, unpack(gone))
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
local opensAt = failing and math.max(probeAt, quietUntil) or 0
if disabled or opensAt > now then most = 0
-- A failing endpoint gets one request at a time, and not before its next probe.
elseif failing then most = math.min(most, 1) end

-- The first events of a key that still have their text: ids of what is queued, fields of the first of them.
local function headOf(key, room)
  local todo = todoPrefix .. key
  while true do
    local ids, entries = redis.call('LRANGE', todo, 0, room), {}
    for i = 1, math.min(room, #ids) do
      entries[i] = entryOf(ids[i])
      if not entries[i] then break end
    end
    if entries[1] or not ids[1] then return ids, entries end
    redis.call('LPOP', todo)
    -- What retention dropped has been told already.
    lost = lost + redis.call('ZREM', backlog, ids[1])
  end
end

local function push(id, flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  local replay = replayOf(id)
  local age = now - math.max(enabledAt, replay and replay.at or tonumber(string.match(id, '^%d+')))
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5], out[n + 6] = id, age, fields.id, fields.type, fields.at, fields.body
end

-- Returns how many events of the key were taken.
local function take(key, room)
  local ids, entries = headOf(key, room)
  if #entries == 0 then
    redis.call('HDEL', tries, key)
    return 0
  end
  taken[#taken + 1] = now + tonumber(ARGV[3])
  taken[#taken + 1] = key
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = key, redis.call('HINCRBY', tries, key, 1), #ids > #entries and 1 or 0, #entries
  for i, flat in ipairs(entries) do push(ids[i], flat) end
  return #entries
end

-- What a failing endpoint is probed with: the least tried of what became due last. What it refuses even while it is up stands
-- among the most tried.
local function probe()
  local keys = redis.call('ZREVRANGEBYSCORE', due, now, '-inf', 'LIMIT', 0, MOST_LOOKED_AT)
  if #keys == 0 then return keys end
  local tried, best = redis.call('HMGET', tries, unpack(keys)), 1
  for i = 2, #keys do
    if tonumber(tried[i] or 0) < tonumber(tried[best] or 0) then best = i end
  end
  return { keys[best] }
end

while most > 0 do
  local asked, seen = math.min(most, KEYS_AT_A_TIME), {}
  local keys = failing and probe() or redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, asked)
  for _, key in ipairs(keys) do
    if most == 0 then break end
    -- A key whose events have lost their text counts too, so that the loss of all of them has a bound.
    most = most - math.max(1, take(key, math.min(most, tonumber(ARGV[2]))))
    seen[#seen + 1] = key
  end
  if #seen > 0 then redis.call('ZREM', due, unpack(seen)) end
  if #keys < asked then break end
end
if #taken > 0 then
  redis.call('ZADD', flight, unpack(taken))
  if failing then
    probeIn(tonumber(ARGV[3]))
    opensAt = probeAt
  end
end

local next = -1
if not disabled then
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  if first then next = math.max(0, tonumber(first) - now, opensAt - now) end
  local ends = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2]
  if ends and (next < 0 or tonumber(ends) - now < next) then next = math.max(0, tonumber(ends) - now) end
end
return { lost, disabled and 1 or 0, failing and 1 or 0, failing ~= wasFailing and 1 or 0, failures > 0 and now - since or 0, next, applied, out }
