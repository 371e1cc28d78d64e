#!lua flags=allow-oom
-- Gives calls their places in the index that is being rebuilt: those of unindexed-calls.lua, in that order.
-- KEYS: 1 recent calls, 2 state of the index
-- ARGV: 1 history key prefix, 2 call key prefix, 3 generation, 4 last call looked at ("": all are done), 5 when that began
--       (ms), then for each: id, when it began (ms), index entry as it was stored, index entry by its document ("": the
--       call is gone)
-- Returns: how many calls are still to be indexed, at most (-1: another gateway has begun anew)
--- @include history
local history, calls, generation = ARGV[1], ARGV[2], ARGV[3]
local state = redis.call('HMGET', KEYS[2], 'generation', 'rebuild', 'below')
if state[1] ~= generation or not state[2] then return -1 end
local index, below = indexOf(history, generation), tonumber(state[3])
for i = 6, #ARGV, 4 do
  local id, call = ARGV[i], calls .. ARGV[i]
  local stored = redis.call('HMGET', call, 'ix', 'place')
  if not stored[1] and ARGV[i + 3] == '' then
    redis.call('ZREM', KEYS[1], id)
  elseif not placeIn(generation, stored[2]) and below > 0 then
    -- Who has changed it since it was read has left the entry that it has now.
    local ix = stored[1] and stored[1] ~= ARGV[i + 2] and stored[1] or ARGV[i + 3]
    below = below - 1
    local slots, is = readEntry(ix)
    -- Calls stand in the order of their beginnings here: as if each had been written when it began.
    writeRow(index .. chunkOf(below) .. ':', below, id, tonumber(ARGV[i + 1]), tonumber(ARGV[i + 1]))
    writeSlots(index, below, {}, {}, slots, is)
    redis.call('HSET', call, 'ix', ix, 'place', generation .. '.' .. below)
  end
end
redis.call('HSET', KEYS[2], 'below', below)
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'after', ARGV[4], 'after-at', ARGV[5])
  return below
end
-- What was kept for calls that are gone stays empty.
redis.call('SET', index .. 'floor', below)
redis.call('HDEL', KEYS[2], 'rebuild', 'below', 'after', 'after-at')
return 0
