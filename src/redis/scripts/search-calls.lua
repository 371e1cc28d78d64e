#!lua flags=allow-oom
-- Calls that have the slots asked for, the newest first, from below a place. Stops when its budget is spent.
-- KEYS: 1 state of the index
-- ARGV: 1 history key prefix, 2 call key prefix, 3 plan (JSON: parts, each a list of alternatives, each a list of slots),
--       4 place from below which to go on, or "", 5 most calls, 6 from (ms), 7 to (ms), exclusive, 8 budget (some µs each),
--       9 1: count all that follow too, 10 generation that the place is of, or ""
-- Returns: place to go on from below (-1: nothing follows; -2: the place is of another generation), how many fit from there
--       on ("": not known), generation, then documents (JSON)
--- @include history
local history, calls, plan = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local from, to, budget = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local generation = generationOf(history)
if ARGV[10] ~= '' and ARGV[10] ~= generation then return { -2, '', '' } end
if not generation then return { -1, ARGV[9] == '1' and 0 or '', '' } end
local index = indexOf(history, generation)
local floor = tonumber(redis.call('GET', index .. 'floor') or 0)
local top = tonumber(redis.call('GET', index .. 'places') or 0)
local place = math.min(ARGV[4] == '' and top or tonumber(ARGV[4]), top) - 1
-- Results on the way concern nobody: neither the replicas nor the log.
redis.set_repl(redis.REPL_NONE)
local PART, RESULT, ONE = history .. 'part', history .. 'result', history .. 'one'

local function keysOf(chunk, slots)
  local keys = {}
  for i, slot in ipairs(slots) do keys[i] = chunk .. slot end
  budget = budget - #keys
  return keys
end

-- Places of a chunk that fit: the key of a bitmap.
local function evaluate(chunk)
  local all, parts = {}, 0
  for _, part in ipairs(plan) do
    if #part == 1 then
      for _, key in ipairs(keysOf(chunk, part[1])) do all[#all + 1] = key end
    else
      parts = parts + 1
      local target, some = PART .. parts, {}
      for i, slots in ipairs(part) do
        if #slots == 1 then some[i] = keysOf(chunk, slots)[1]
        else
          some[i] = ONE .. i
          redis.call('BITOP', 'AND', some[i], unpack(keysOf(chunk, slots)))
        end
      end
      if #some == 0 then redis.call('DEL', target) else redis.call('BITOP', 'OR', target, unpack(some)) end
      all[#all + 1] = target
    end
  end
  if #all == 1 then return all[1] end
  redis.call('BITOP', 'AND', RESULT, unpack(all))
  return RESULT
end

local function cleanUp()
  local keys = { RESULT }
  for i, part in ipairs(plan) do
    keys[#keys + 1] = PART .. i
    for n = 1, #part do keys[#keys + 1] = ONE .. n end
  end
  redis.call('DEL', unpack(keys))
end

local function row(chunk, at)
  local text = redis.call('GETRANGE', chunk .. 'rows', at * ROW, at * ROW + ROW - 1)
  if #text < ROW then return nil, 0, 0 end
  local startedAt, written = struct.unpack('>I6I6', text, 37)
  return string.match(string.sub(text, 1, 36), '%S+'), startedAt, written
end

-- The first of the chunk's places low … high that was written at `at` or later; high + 1: none.
local function firstWritten(chunk, low, high, at)
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local _, _, written = row(chunk, middle)
    if written < at then low = middle + 1 else high = middle - 1 end
  end
  return low
end

-- Narrows a chunk's places to those that may have begun in the time asked for.
local function narrow(chunk, low, high)
  if from <= 0 and to >= 1e15 then return low, high end
  budget = budget - 20
  local bounds = redis.call('HMGET', chunk .. 'bounds', 'late', 'early')
  local late, early = tonumber(bounds[1] or 0), tonumber(bounds[2] or 0)
  if from > 0 then low = firstWritten(chunk, low, high, from - early) end
  if to < 1e15 then high = firstWritten(chunk, low, high, to + late) - 1 end
  return low, high
end

local found, total, wanted, nextPlace = {}, 0, tonumber(ARGV[5]), nil
local counting = ARGV[9] == '1'

-- Takes the chunk's fitting calls until there are enough; returns the lowest place looked at.
local function take(chunk, base, bitmap, low, high)
  local bit, last = PLACES - 1 - high, PLACES - 1 - low
  while bit <= last do
    bit = redis.call('BITPOS', bitmap, 1, bit, last, 'BIT')
    budget = budget - 3
    if bit < 0 then break end
    local at = PLACES - 1 - bit
    local id, startedAt = row(chunk, at)
    if id and startedAt >= from and startedAt < to then
      local doc = redis.call('HGET', calls .. id, 'doc')
      if doc then found[#found + 1] = doc end
    end
    if #found >= wanted or budget <= 0 then return base + at end
    bit = bit + 1
  end
  return base + low
end

while place >= floor do
  if budget <= 0 then
    if not nextPlace then nextPlace = place + 1 end
    total = nil
    break
  end
  local base = chunkOf(place) * PLACES
  local chunk = index .. chunkOf(place) .. ':'
  local low, high = narrow(chunk, math.max(floor - base, 0), place - base)
  if low <= high then
    local bitmap = evaluate(chunk)
    budget = budget - 5
    if counting then
      total = total + redis.call('BITCOUNT', bitmap, PLACES - 1 - high, PLACES - 1 - low, 'BIT')
    end
    if not nextPlace then
      local lowest = take(chunk, base, bitmap, low, high)
      if #found >= wanted or budget <= 0 then nextPlace = lowest end
    end
  end
  if nextPlace and not counting then break end
  place = base - 1
end
cleanUp()
if not nextPlace or nextPlace <= floor then nextPlace = -1 end
return { nextPlace, counting and total or '', generation, unpack(found) }
