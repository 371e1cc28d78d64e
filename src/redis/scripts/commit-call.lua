-- One change of a call, whole or not at all: its document, what a peer needs to end it, its events, and their queueing to the
-- endpoints that want them. So nothing is sent that did not happen, and nothing that happened is not sent.
-- KEYS: 1 call hash, 2 live calls, 3 recent calls, 4 events stream, 5 endpoints, 6 calls whose callers' history is due
--       (all of hash tag {calls})
-- ARGV: 1 call id, 2 owner, 3 document (JSON), 4 resources (JSON), 5 owner's lease (ms), 6 closed 1|0, 7 start of the call (ms),
--       8 retention (ms), 9 outbox key prefix, 10 revision (rises with every
--       commit of an owner), 11 hour key prefix, 12 what an ended call is counted as (JSON: [hour, field, by] …; "" while
--       it goes on), 13 retention of the hours (ms), 14 key of the calls
--       of this caller, or "", 15 history key prefix, 16 what the call is found by (its index entry), 17 1 where its end leaves
--       something due (its caller's history, its verdict), 18 number of events,
--       then per event: id, type, timestamp, sequence, body (JSON), number of endpoints, endpoint ids …
-- Returns: "written" | "repeated" (something later is there already, or the call is closed and this tells nothing) | "foreign" (another gateway owns the call now)
-- Repeating it changes nothing: an owner's revision is written once, an event by its sequence.
--- @include now
--- @include enqueue
--- @include history
local call, live, recent, events, registry, historyDue = unpack(KEYS)
local id, owner, document, resources, leaseMs, closes, startedAt, retentionMs, outbox, revision, hours, counts, hoursMs,
  callerCalls, history, entry, leavesDue, eventCount = unpack(ARGV, 1, 18)
local FIRST_EVENT = 19
local now = clock()

-- Is it still to be written? ---------------------------------------------------------------------------------------
local stored = redis.call('HMGET', call, 'owner', 'seq', 'closed', 'revision', 'entries')
local isNew, lastSeq, wasClosed, lastRevision = not stored[1], tonumber(stored[2] or 0), stored[3] == '1', tonumber(stored[4] or 0)
if not isNew and stored[1] ~= owner then return 'foreign' end

-- Events that are not in the stream yet, and the sequence of the last one told here (0: none is).
local function readEvents()
  local fresh, at, last = {}, FIRST_EVENT, 0
  for _ = 1, tonumber(eventCount) do
    local event = { id = ARGV[at], type = ARGV[at + 1], timestamp = ARGV[at + 2], seq = tonumber(ARGV[at + 3]), body = ARGV[at + 4], endpoints = {} }
    local endpoints = tonumber(ARGV[at + 5])
    for i = 1, endpoints do event.endpoints[i] = ARGV[at + 5 + i] end
    at = at + 6 + endpoints
    last = math.max(last, event.seq)
    if event.seq > lastSeq then fresh[#fresh + 1] = event end
  end
  return fresh, last
end

local fresh, last = readEvents()
-- Late duplicates: of a change whose events others have followed, or of a request that was overtaken on its way.
-- What repeats the last event may be the owner's second try with a newer document, and is written.
if last > 0 and last < lastSeq or tonumber(revision) <= lastRevision then return 'repeated' end
-- A closed call is anybody's to amend. What its owner still says without an event (a repeat of the close whose reply was
-- lost, a channel let go late) is older than that.
if last == 0 and wasClosed then return 'repeated' end

-- The call, and the lists it stands in -----------------------------------------------------------------------------
local closed = wasClosed or closes == '1'
redis.call('HSET', call, 'owner', owner, 'seq', math.max(lastSeq, last), 'doc', document, 'resources', resources,
  'closed', closed and 1 or 0, 'revision', revision)
-- It stays, and in the list of calls too, until the sweep of the history has put it elsewhere (drop-calls.lua).
redis.call('PERSIST', call)
redis.call('ZADD', recent, startedAt, id)
if closed then
  redis.call('ZREM', live, id)
else
  redis.call('ZADD', live, now + tonumber(leaseMs), id)
end
reindex(history, call, id, entry, tonumber(startedAt), now)
if isNew and callerCalls ~= '' then
  redis.call('ZADD', callerCalls, startedAt, id)
  redis.call('ZREMRANGEBYSCORE', callerCalls, '-inf', now - tonumber(retentionMs))
  redis.call('PEXPIRE', callerCalls, retentionMs)
end

-- What its end adds to the reports: once a call, whoever writes its end and however often. -------------------------
local hadEnded = false
if counts ~= '' then
  hadEnded = redis.call('HSETNX', call, 'counted', 1) == 0
  if not hadEnded then
    if leavesDue == '1' then redis.call('ZADD', historyDue, now, id) end
    for _, sum in ipairs(cjson.decode(counts)) do
      local hour = hours .. sum[1]
      redis.call('HINCRBY', hour, sum[2], sum[3])
      redis.call('PEXPIRE', hour, hoursMs)
    end
  end
end

-- Its events, in order, each queued to whom it is for --------------------------------------------------------------
local entries = stored[5]
for _, event in ipairs(fresh) do
  -- A correction after the end has a mark of its own: who has read the call before it may take the end's mark away after it.
  if hadEnded and callerCalls ~= '' and event.type == 'call.attribution.corrected' then
    redis.call('ZADD', historyDue, now, id .. '|' .. event.seq)
  end
  local at = redis.call('XADD', events, '*', 'id', event.id, 'type', event.type, 'at', event.timestamp, 'call', id, 'body', event.body)
  for _, endpoint in ipairs(event.endpoints) do enqueue(outbox, registry, endpoint, id, at, now) end
  entries = (entries and entries .. ' ' or '') .. at
end
-- Where its events stand in the stream: who is forgotten is forgotten there too.
if #fresh > 0 then redis.call('HSET', call, 'entries', entries) end
return 'written'
