#!lua flags=allow-oom
-- Takes the oldest calls out of the history, once they are kept elsewhere; stops at one that has changed since it was read.
-- KEYS: 1 recent calls
-- ARGV: 1 history key prefix, 2 call key prefix, 3 `<generation>.<place>` of the first, then for each: id, state (`stateOf`) as it was read
-- Returns: how many were dropped
--- @include history
local history, calls = ARGV[1], ARGV[2]
local state = redis.call('HMGET', history .. 'state', 'generation', 'rebuild')
if not state[1] or state[2] then return 0 end
local index = indexOf(history, state[1])
local floor = tonumber(redis.call('GET', index .. 'floor') or 0)
if floor ~= placeIn(state[1], ARGV[3]) then return 0 end

-- Every key that a chunk can have.
local function dropChunk(chunk)
  local keys = { chunk .. 'rows', chunk .. 'bounds', chunk .. 'named', chunk .. 'all', chunk .. 'capacity', chunk .. 'handled', chunk .. 'calledback' }
  local function add(slot) keys[#keys + 1] = chunk .. slot end
  for _, slot in ipairs(redis.call('SMEMBERS', chunk .. 'named')) do add(slot) end
  for i = 1, MOST_DIGITS do
    for digit = 0, 9 do
      for _, side in ipairs({ 'cb', 'ce', 'nb', 'ne' }) do add(side .. i .. '=' .. digit) end
    end
  end
  for n = 0, 511 do add('h' .. n) end
  for n = 0, 255 do add('w' .. n) end
  for n = 0, 31 do add('k' .. n) end
  for i = 1, #keys, 500 do redis.call('UNLINK', unpack(keys, i, math.min(i + 499, #keys))) end
end

local dropped = 0
for i = 4, #ARGV, 2 do
  local id, call = ARGV[i], calls .. ARGV[i]
  if id ~= '' then
    if stateOf(call) ~= ARGV[i + 1] then break end
    local _, _, caller, site = readEntry(redis.call('HGET', call, 'ix'))
    local who = site .. '|' .. caller
    local waiting = redis.call('HGET', history .. 'missed-by', who)
    if waiting and string.find(waiting, '|' .. id .. '|', 1, true) then dropMissed(history, who) end
    redis.call('UNLINK', call)
    redis.call('ZREM', KEYS[1], id)
  end
  dropped = dropped + 1
  if (floor + dropped) % PLACES == 0 then dropChunk(index .. chunkOf(floor + dropped - 1) .. ':') end
end
if dropped > 0 then redis.call('SET', index .. 'floor', floor + dropped) end
return dropped
