-- Queues events for one endpoint once more. What is queued already stays as it is.
-- KEYS: 1 backlog, 2 due, 3 replays, 4 dead letters, 5 events stream, 6 endpoints (all of hash tag {calls})
-- ARGV: 1 endpoint, 2 outbox key prefix, 3 "events" | "dead", then per event: stream id (of the event, or of the dead letter), ordering key
-- Returns: for each event 1 (queued), 0 (it is queued already) or -1 (there is no such event)
--- @include now
--- @include enqueue
local backlog, due, replays, dead, events, registry = unpack(KEYS)
local endpoint, prefix = ARGV[1], ARGV[2]
local now = clock()
local done = {}

local function fieldsOf(stream, id)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if not entry then return nil end
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function requeue(id, key, fields)
  if redis.call('ZSCORE', backlog, id) then return 0 end
  local flat
  if redis.call('XRANGE', events, id, id)[1] == nil then
    if not fields or not fields.body then return -1 end
    flat = { 'id', fields.id, 'type', fields.type, 'at', fields.at, 'body', fields.body }
  end
  redis.call('HSET', replays, id, cjson.encode({ at = now, fields = flat }))
  enqueue(prefix, registry, endpoint, key, id, now)
  -- With a text of its own it is as old as its queueing, and holds nothing of the stream.
  if flat then redis.call('ZADD', backlog, now, id) end
  return 1
end

for at = 4, #ARGV, 2 do
  if ARGV[3] == 'events' then done[#done + 1] = requeue(ARGV[at], ARGV[at + 1], nil)
  else
    local letter = fieldsOf(dead, ARGV[at])
    local result = letter and requeue(letter.event, letter.key, letter) or -1
    if letter and result >= 0 then redis.call('XDEL', dead, ARGV[at]) end
    done[#done + 1] = result
  end
end
return done
