-- The oldest calls of the history, in the order of their places, as long as they may leave it.
-- KEYS: 1 state of the index
-- ARGV: 1 history key prefix, 2 call key prefix, 3 calls that were written before (ms), 4 calls that go on only where they
--       were written before (ms), 5 most
-- Returns: for each call: `<generation>.<place>`, id, state (`stateOf`), document ("": gone already)
--- @include history
local history, calls = ARGV[1], ARGV[2]
local before, abandoned = tonumber(ARGV[3]), tonumber(ARGV[4])
local generation, rebuild = unpack(redis.call('HMGET', KEYS[1], 'generation', 'rebuild'))
-- While the index is rebuilt, most of its places have no call yet.
if not generation or rebuild then return {} end
local index = indexOf(history, generation)
local floor = tonumber(redis.call('GET', index .. 'floor') or 0)
local top = tonumber(redis.call('GET', index .. 'places') or 0)
local out = {}
for place = floor, math.min(floor + tonumber(ARGV[5]), top) - 1 do
  local at = place % PLACES
  local row = redis.call('GETRANGE', index .. chunkOf(place) .. ':rows', at * ROW, at * ROW + ROW - 1)
  local id, state, doc = '', '', ''
  if #row == ROW then
    local startedAt, written = struct.unpack('>I6I6', row, 37)
    if written >= before or startedAt >= before then break end
    id = string.match(string.sub(row, 1, 36), '%S+') or ''
    local stored = redis.call('HMGET', calls .. id, 'doc', 'closed')
    if stored[1] and stored[2] ~= '1' and written >= abandoned then break end
    state, doc = stateOf(calls .. id), stored[1] or ''
  end
  for _, value in ipairs({ generation .. '.' .. place, id, state, doc }) do out[#out + 1] = value end
end
return out
