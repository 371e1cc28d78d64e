-- One gateway's word on whether a trunk or line is down for one reason. The first word of "down" tells the event, and so does the
-- end of the last one; a word that is not repeated in time (its gateway is dead) counts no longer.
-- KEYS: 1 sorted set of the gateways that find it down (score: until when), 2 mark that it was told down, 3 events stream, 4 endpoints (all of hash tag {calls})
-- ARGV: 1 gateway, 2 "down" | "up", 3 life of a word (ms), 4 outbox key prefix, 5 ordering key, 6 event id, 7 timestamp, 8 type if down, 9 body if down, 10 type if up, 11 body if up, 12 endpoints that want "down" (count), … those, then those that want "up"
-- Returns: "down" | "up", what was told | "known"
--- @include now
--- @include enqueue
local now, life = clock(), tonumber(ARGV[3])
if ARGV[2] == 'down' then redis.call('ZADD', KEYS[1], now + life, ARGV[1]) else redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local isDown = redis.call('ZCARD', KEYS[1]) > 0
local wasDown = redis.call('EXISTS', KEYS[2]) == 1
if isDown == wasDown then return 'known' end
if isDown then redis.call('SET', KEYS[2], '1') else redis.call('DEL', KEYS[2]) end
local wantDown = tonumber(ARGV[12])
local kind, body = isDown and ARGV[8] or ARGV[10], isDown and ARGV[9] or ARGV[11]
local at = redis.call('XADD', KEYS[3], '*', 'id', ARGV[6], 'type', kind, 'at', ARGV[7], 'call', '', 'about', ARGV[5], 'body', body)
local from, to = 13, 12 + wantDown
if not isDown then from, to = 13 + wantDown, #ARGV end
for i = from, to do enqueue(ARGV[4], KEYS[4], ARGV[i], ARGV[5], at, now) end
return isDown and 'down' or 'up'
