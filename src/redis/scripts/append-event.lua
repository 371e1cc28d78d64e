-- An event without a call (trunk.down …) and its queueing; idempotent by event id for as long as the mark lives.
-- KEYS: 1 events stream, 2 endpoints, 3 mark of the event id (all of hash tag {calls})
-- ARGV: 1 event id, 2 type, 3 timestamp, 4 body (JSON), 5 ordering key, 6 outbox key prefix, 7 life of the mark (ms), 8 … endpoint ids
-- Returns: "written" | "repeated"
--- @include now
--- @include enqueue
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[7]) then return 'repeated' end
local at = redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'type', ARGV[2], 'at', ARGV[3], 'call', '', 'about', ARGV[5], 'body', ARGV[4])
local now = clock()
for i = 8, #ARGV do enqueue(ARGV[6], KEYS[2], ARGV[i], ARGV[5], at, now) end
return 'written'
