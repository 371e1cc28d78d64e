-- The oldest calls of the history, in the order of their places, as long as they may leave it.
-- KEYS: 1 number of places given out
-- ARGV: 1 history key prefix, 2 call key prefix, 3 calls that were written before (ms), 4 calls that go on only where they
--       were written before (ms), 5 most
-- Returns: for each call: place, id, sequence of its last event, document ("": gone already)
--- @include history
local history, calls = ARGV[1], ARGV[2]
local before, abandoned = tonumber(ARGV[3]), tonumber(ARGV[4])
local floor = tonumber(redis.call('GET', history .. 'floor') or 0)
local top = tonumber(redis.call('GET', KEYS[1]) or 0)
local out = {}
for place = floor, math.min(floor + tonumber(ARGV[5]), top) - 1 do
  local at = place % PLACES
  local row = redis.call('GETRANGE', history .. chunkOf(place) .. ':rows', at * ROW, at * ROW + ROW - 1)
  local id, seq, doc = '', '', ''
  if #row == ROW then
    local startedAt, written = struct.unpack('>I6I6', row, 37)
    if written >= before or startedAt >= before then break end
    id = string.match(string.sub(row, 1, 36), '%S+') or ''
    local stored = redis.call('HMGET', calls .. id, 'seq', 'doc', 'closed')
    if stored[2] and stored[3] ~= '1' and written >= abandoned then break end
    seq, doc = stored[1] or '', stored[2] or ''
  end
  for _, value in ipairs({ place, id, seq, doc }) do out[#out + 1] = value end
end
return out
