-- Events after a place in the feed, and what there is to judge that place by.
-- KEYS: 1 events stream, 2 identity of the data (both of hash tag {calls})
-- ARGV: 1 stream id after which to read, 2 most events (0: none), 3 identity to take where there is none yet
-- Returns: { identity, events ever added ("" before Redis 7), events kept, id of the oldest kept ("" for none), id of the last
--   ever added, whether ARGV 1 is kept (1|0), now (ms), flat list of id, type, body … }
--- @include now
local stream, identity = KEYS[1], KEYS[2]
redis.call('SET', identity, ARGV[3], 'NX')
local name = redis.call('GET', identity)
if redis.call('EXISTS', stream) == 0 then return { name, 0, 0, '', '0-0', 0, clock(), {} } end

local info = redis.call('XINFO', 'STREAM', stream)
local facts = {}
for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)
local known = ARGV[1] ~= '0-0' and #redis.call('XRANGE', stream, ARGV[1], ARGV[1]) or 0

local out = {}
if tonumber(ARGV[2]) > 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
    local fields = entry[2]
    local one = {}
    for i = 1, #fields, 2 do one[fields[i]] = fields[i + 1] end
    out[#out + 1] = entry[1]
    out[#out + 1] = one['type']
    out[#out + 1] = one['body']
  end
end
return {
  name, facts['entries-added'] or '', facts['length'], first[1] and first[1][1] or '',
  facts['last-generated-id'], known, clock(), out,
}
