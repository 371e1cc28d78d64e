-- Tells of the dead letters that nobody has told of yet: one event for all of them.
-- KEYS: 1 dead letters, 2 how far they are told, 3 events stream, 4 endpoints (all of hash tag {calls})
-- ARGV: 1 endpoint, 2 outbox key prefix, 3 event id, 4 type, 5 timestamp, 6 … endpoints to tell
-- Returns: how many
--- @include now
--- @include enqueue
--- @include tell
local dead, mark, events, registry = unpack(KEYS)
local untold = redis.call('XRANGE', dead, '(' .. (redis.call('GET', mark) or '0-0'), '+', 'COUNT', 1000)
if #untold == 0 then return 0 end
local last = untold[#untold]
local fields = {}
for i = 1, #last[2], 2 do fields[last[2][i]] = last[2][i + 1] end
redis.call('SET', mark, last[1])
local data = { endpoint = ARGV[1], events = #untold, lastEventId = fields.id or cjson.null, reason = fields.reason or '' }
tell(events, registry, ARGV[2], { id = ARGV[3], type = ARGV[4], timestamp = ARGV[5], endpoints = { unpack(ARGV, 6) } }, data, 'webhook ' .. ARGV[1], clock())
return #untold
