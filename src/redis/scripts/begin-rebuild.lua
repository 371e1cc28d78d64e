#!lua flags=allow-oom
-- Looks whether the history's index is lost, of another version, or not what the calls are; asks for another generation
-- of it; or begins that one. No call leaves before it is there: in a full Redis too, what makes room must not wait for room.
-- Places below the number of calls there are now are kept for them; new calls get those above.
-- KEYS: 1 recent calls, 2 state of the index
-- ARGV: 1 history key prefix, 2 "looks" | "asks" | "begins"
-- Returns: 0 where it is to be built anew, else 1; calls that can be found by the index; calls that there are
--- @include now
--- @include history
local history = ARGV[1]
local calls = redis.call('ZCARD', KEYS[1])
local generation, version, rebuild = unpack(redis.call('HMGET', KEYS[2], 'generation', 'version', 'rebuild'))

-- Every call has the bit "all" in its chunk.
local function countIndexed(index)
  local floor = tonumber(redis.call('GET', index .. 'floor') or 0)
  local top = tonumber(redis.call('GET', index .. 'places') or 0)
  local count = 0
  for chunk = chunkOf(floor), chunkOf(math.max(top - 1, floor)) do
    local lowest = math.max(floor - chunk * PLACES, 0)
    count = count + redis.call('BITCOUNT', index .. chunk .. ':all', 0, PLACES - 1 - lowest, 'BIT')
  end
  return count
end

local indexed = generation and countIndexed(indexOf(history, generation)) or 0
if rebuild then return { 1, indexed, calls } end
if ARGV[2] == 'asks' then
  redis.call('HSET', KEYS[2], 'asked', 1)
  return { 1, indexed, calls }
end
if ARGV[2] ~= 'begins' then
  local whole = indexed == calls and (version == VERSION or not generation)
  return { whole and 1 or 0, indexed, calls }
end
local now = clock()
local nextOne = string.format('%.0f', math.max(now, tonumber(generation or 0) + 1))
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'generation', nextOne, 'version', VERSION, 'rebuild', now, 'below', calls, 'total', calls,
  'former', 1)
redis.call('SET', indexOf(history, nextOne) .. 'places', calls)
return { 1, indexed, calls }
