#!lua flags=allow-oom
-- Events after a place in the feed, and what there is to judge that place by. An event that was erased keeps its place until the
-- stream is trimmed past it: what is erased with a caller is lost to no reader.
-- KEYS: 1 events stream, 2 identity of the data, 3 erased events (all of hash tag {calls})
-- ARGV: 1 stream id after which to read, 2 most events (0: none), 3 identity to take where there is none yet
-- Returns: { identity, events ever added, places kept, id at the oldest ("" for none), id of the last
--   ever added, whether there is one at ARGV 1 (1|0), now (ms), places after ARGV 1 where all were read, flat list of
--   id, place after ARGV 1, type, body … }
--- @include now
local stream, identity, erased = KEYS[1], KEYS[2], KEYS[3]
local after, most = ARGV[1], tonumber(ARGV[2])
redis.call('SET', identity, ARGV[3], 'NX')
local name = redis.call('GET', identity)
if redis.call('EXISTS', stream) == 0 then return { name, 0, 0, '', '0-0', 0, clock(), 0, {} } end

local function earlier(a, b)
  local aMs, aN = string.match(a, '^(%d+)-(%d+)$')
  local bMs, bN = string.match(b, '^(%d+)-(%d+)$')
  if aMs == bMs then return tonumber(aN) < tonumber(bN) end
  return tonumber(aMs) < tonumber(bMs)
end

-- Ids of erased events after `ARGV 1` that are not after `last` (nil: the end), in order.
local function erasedTo(last)
  local ids = {}
  local from, to = string.match(after, '^%d+'), last and string.match(last, '^%d+') or '+inf'
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', erased, from, to)) do
    if earlier(after, id) and not (last and earlier(last, id)) then ids[#ids + 1] = id end
  end
  table.sort(ids, earlier)
  return ids
end

local info = redis.call('XINFO', 'STREAM', stream)
local facts = {}
for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)
first = first[1] and first[1][1] or ''
local known = after ~= '0-0' and #redis.call('XRANGE', stream, after, after) or 0
local gone = redis.call('ZCARD', erased)
if gone > 0 then
  local oldest = redis.call('ZRANGE', erased, 0, 0)[1]
  if first == '' or earlier(oldest, first) then first = oldest end
  if redis.call('ZSCORE', erased, after) then known = 1 end
end

local out, places = {}, 0
if most > 0 then
  local entries = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', most)
  local last = #entries == most and entries[most][1] or nil
  local passed, between = 0, gone > 0 and erasedTo(last) or {}
  for i, entry in ipairs(entries) do
    while between[passed + 1] and earlier(between[passed + 1], entry[1]) do passed = passed + 1 end
    local fields = entry[2]
    local one = {}
    for at = 1, #fields, 2 do one[fields[at]] = fields[at + 1] end
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 4] = entry[1], i + passed, one['type'], one['body']
  end
  places = #entries + #between
end
return {
  name, facts['entries-added'], facts['length'] + gone, first, facts['last-generated-id'], known, clock(), places, out,
}
