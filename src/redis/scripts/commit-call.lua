-- One change of a call: document, what a peer needs to end it, its events and their queueing, or nothing of it.
-- KEYS: 1 call hash, 2 live calls, 3 recent calls, 4 events stream, 5 endpoints, 6 calls whose callers' history is due
--       (all of hash tag {calls})
-- ARGV: 1 call id, 2 owner, 3 document (JSON), 4 resources (JSON), 5 owner's lease (ms), 6 closed 1|0, 7 start of the call (ms),
--       8 retention (ms), 9 outbox key prefix, 10 revision (rises with every
--       commit of an owner), 11 hour key prefix, 12 what an ended call is counted as (JSON: [hour, field, by] …; "" while
--       it goes on), 13 retention of the hours (ms), 14 key of the calls
--       of this caller, or "", 15 history key prefix, 16 what the call is found by (its index entry), 17 number of events,
--       then per event: id, type, timestamp, sequence, body (JSON), number of endpoints, endpoint ids …
-- Returns: "written" | "repeated" (something later is there already, or the call is closed and this tells nothing) | "foreign" (another gateway owns the call now)
--- @include now
--- @include enqueue
--- @include history
local call, live, recent, events, registry, historyDue = unpack(KEYS)
local id, owner = ARGV[1], ARGV[2]
local stored = redis.call('HMGET', call, 'owner', 'seq', 'closed', 'revision', 'entries')
if stored[1] and stored[1] ~= owner then return 'foreign' end
local seq = tonumber(stored[2] or 0)
local closed = stored[3] == '1' or ARGV[6] == '1'
local now = clock()

local function readEvents()
  local list, at, last = {}, 18, 0
  for _ = 1, tonumber(ARGV[17]) do
    local event = { id = ARGV[at], type = ARGV[at + 1], timestamp = ARGV[at + 2], seq = tonumber(ARGV[at + 3]), body = ARGV[at + 4], endpoints = {} }
    local count = tonumber(ARGV[at + 5])
    for i = 1, count do event.endpoints[i] = ARGV[at + 5 + i] end
    at = at + 6 + count
    last = math.max(last, event.seq)
    if event.seq > seq then list[#list + 1] = event end
  end
  return list, last
end

local fresh, last = readEvents()
-- Late duplicates: of a change whose events others have followed, or of a request that was overtaken on its way.
-- What repeats the last event may be the owner's second try with a newer document, and is written.
if last > 0 and last < seq or tonumber(ARGV[10]) <= tonumber(stored[4] or 0) then return 'repeated' end
-- A closed call is anybody's to amend. What its owner still says without an event (a repeat of the close whose reply was
-- lost, a channel let go late) is older than that.
if last == 0 and stored[3] == '1' then return 'repeated' end
seq = math.max(seq, last)
redis.call('HSET', call, 'owner', owner, 'seq', seq, 'doc', ARGV[3], 'resources', ARGV[4], 'closed', closed and 1 or 0,
  'revision', ARGV[10])
-- It stays, and in the list of calls too, until the sweep of the history has put it elsewhere (drop-calls.lua).
redis.call('PERSIST', call)
redis.call('ZADD', recent, ARGV[7], id)
if closed then
  redis.call('ZREM', live, id)
else
  redis.call('ZADD', live, now + tonumber(ARGV[5]), id)
end
reindex(ARGV[15], call, id, ARGV[16], tonumber(ARGV[7]), now)
if ARGV[14] ~= '' and not stored[1] then
  redis.call('ZADD', ARGV[14], ARGV[7], id)
  redis.call('ZREMRANGEBYSCORE', ARGV[14], '-inf', now - tonumber(ARGV[8]))
  redis.call('PEXPIRE', ARGV[14], ARGV[8])
end
-- Once a call, whoever writes its end and however often.
local counted = false
if ARGV[12] ~= '' then
  counted = redis.call('HSETNX', call, 'counted', 1) == 0
  if not counted then
    if ARGV[14] ~= '' then redis.call('ZADD', historyDue, now, id) end
    for _, entry in ipairs(cjson.decode(ARGV[12])) do
      local hour = ARGV[11] .. entry[1]
      redis.call('HINCRBY', hour, entry[2], entry[3])
      redis.call('PEXPIRE', hour, ARGV[13])
    end
  end
end
local entries = stored[5]
for _, event in ipairs(fresh) do
  -- Corrected behind its end: a mark of its own, since whoever writes the end takes the end's mark away.
  if counted and ARGV[14] ~= '' and event.type == 'call.attribution.corrected' then
    redis.call('ZADD', historyDue, now, id .. '|' .. event.seq)
  end
  local at = redis.call('XADD', events, '*', 'id', event.id, 'type', event.type, 'at', event.timestamp, 'call', id, 'body', event.body)
  for _, endpoint in ipairs(event.endpoints) do enqueue(ARGV[9], registry, endpoint, id, at, now) end
  entries = (entries and entries .. ' ' or '') .. at
end
-- Where its events stand in the stream: who is forgotten is forgotten there too.
if #fresh > 0 then redis.call('HSET', call, 'entries', entries) end
return 'written'
