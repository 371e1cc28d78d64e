-- Makes a closed call nobody's: the document and the index without its caller, and its events out of the stream.
-- KEYS: 1 call hash, 2 events stream, 3 erased events, 4 calls with waiting amendments, 5 the call's waiting amendments (all of
--       hash tag {calls})
-- ARGV: 1 sequence of the last event as it was read, 2 document (JSON), 3 resources (JSON), 4 history key prefix,
--       5 what the call is found by (its index entry), 6 call id, 7 start of the call (ms)
-- Returns: events removed | -1 (the call lives, or has changed meanwhile)
--- @include now
--- @include history
local stored = redis.call('HMGET', KEYS[1], 'seq', 'closed', 'entries')
if stored[1] ~= ARGV[1] or stored[2] ~= '1' then return -1 end
local removed = 0
for id in string.gmatch(stored[3] or '', '%S+') do
  if redis.call('XDEL', KEYS[2], id) == 1 then
    -- It keeps its place in the feed (read-feed.lua).
    redis.call('ZADD', KEYS[3], string.match(id, '^%d+'), id)
    removed = removed + 1
  end
end
-- No event tells of it, so the sequence stays: who has read the call before sees by the mark that it has changed.
redis.call('HSET', KEYS[1], 'doc', ARGV[2], 'resources', ARGV[3], 'erased', 1)
redis.call('HDEL', KEYS[1], 'entries')
-- A note that waits may be about him.
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[4], ARGV[6])
reindex(ARGV[4], KEYS[1], ARGV[6], ARGV[5], tonumber(ARGV[7]), clock())
return removed
