-- Tells of the dead letters that nobody has told of yet: one event for all of them. Of letters that are such events themselves
-- nothing is told: two endpoints that refuse what they are told of each other would never come to an end.
-- KEYS: 1 dead letters, 2 how far they are told, 3 events stream, 4 endpoints (all of hash tag {calls})
-- ARGV: 1 endpoint, 2 outbox key prefix, 3 event id, 4 type, 5 timestamp, 6 … endpoints to tell
-- Returns: how many
--- @include now
--- @include enqueue
--- @include tell
local dead, mark, events, registry = unpack(KEYS)
local untold = redis.call('XRANGE', dead, '(' .. (redis.call('GET', mark) or '0-0'), '+', 'COUNT', 1000)
if #untold == 0 then return 0 end
redis.call('SET', mark, untold[#untold][1])
local count, last = 0, nil
for _, letter in ipairs(untold) do
  local fields = {}
  for i = 1, #letter[2], 2 do fields[letter[2][i]] = letter[2][i + 1] end
  if fields.type ~= ARGV[4] then count, last = count + 1, fields end
end
if count == 0 then return 0 end
-- Behind a colon are the receiver's words, who likes to repeat what he was told of a caller: nothing for other sites' endpoints.
local kind = string.match(last.reason or '', '^[^:]*')
local data = { endpoint = ARGV[1], events = count, lastEventId = last.id or cjson.null, reason = kind }
tell(events, registry, ARGV[2], { id = ARGV[3], type = ARGV[4], timestamp = ARGV[5], endpoints = { unpack(ARGV, 6) } }, data, 'webhook ' .. ARGV[1], clock())
return count
