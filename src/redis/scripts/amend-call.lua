-- One change of a closed call from outside: document, event and its queueing, unless the call has changed meanwhile.
-- KEYS: 1 call hash, 2 events stream, 3 endpoints, 4 calls with waiting amendments, 5 the call's waiting amendments,
--       6 calls whose callers' history is due (all of hash tag {calls})
-- ARGV: 1 call id, 2 sequence of the last event as it was read, 3 document (JSON), 4 outbox key prefix,
--       5 the amendment (JSON): it no longer waits, 6 event id, 7 type, 8 timestamp, 9 body (JSON), 10 history key prefix,
--       11 what the call is found by (its index entry), 12 start of the call (ms), 13 1 where the document is without its
--       caller, 14 … endpoint ids
-- Returns: "written" | "changed"
--- @include now
--- @include enqueue
--- @include amendments
--- @include history
local call, events, registry = KEYS[1], KEYS[2], KEYS[3]
local stored = redis.call('HMGET', call, 'seq', 'closed', 'entries', 'erased')
if stored[1] ~= ARGV[2] or stored[2] ~= '1' or stored[4] and ARGV[13] ~= '1' then return 'changed' end
local now = clock()
local id = redis.call('XADD', events, '*', 'id', ARGV[6], 'type', ARGV[7], 'at', ARGV[8], 'call', ARGV[1], 'body', ARGV[9])
redis.call('HSET', call, 'seq', stored[1] + 1, 'doc', ARGV[3], 'entries', (stored[3] and stored[3] .. ' ' or '') .. id)
reindex(ARGV[10], call, ARGV[1], ARGV[11], tonumber(ARGV[12]), now)
for i = 14, #ARGV do enqueue(ARGV[4], registry, ARGV[i], ARGV[1], id, now) end
dropAmendment(KEYS[4], KEYS[5], ARGV[1], ARGV[5])
-- A mark of its own: who has read the call before this may take the end's mark away after it.
redis.call('ZADD', KEYS[6], now, ARGV[1] .. '|' .. stored[1] + 1)
return 'written'
