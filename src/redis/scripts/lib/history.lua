-- The history's index: each call has a place, and for each slot there is a bitmap over the places (docs/history.md).
-- Bits are counted from the newest place of a chunk to its oldest, so that the first bit set is the newest call.
-- VERSION is of what is found by which slot: raised with every change of `readEntry` here or of history/slots.ts, it has
-- the index rebuilt.
local VERSION, PLACES, ROW, MOST_DIGITS = '2', 32768, 48, 15
local CAPACITY_FIRST, MOST_MISSED = 1e13, 5000

local function bitOf(place) return PLACES - 1 - place % PLACES end
local function chunkOf(place) return math.floor(place / PLACES) end

-- The generation of the index that is written and searched: each rebuild begins another one, so that a place of a former
-- index is never taken for one of this. False where there is none: nobody has called yet, or the index was lost.
local function generationOf(history) return redis.call('HGET', history .. 'state', 'generation') end

-- The same, begun where there is none; and whether it is being rebuilt.
local function openGeneration(history, now)
  local state = redis.call('HMGET', history .. 'state', 'generation', 'rebuild')
  if state[1] then return state[1], state[2] end
  local generation = string.format('%.0f', now)
  redis.call('HSET', history .. 'state', 'generation', generation, 'version', VERSION)
  return generation, false
end

-- Before the keys of one generation.
local function indexOf(history, generation) return history .. generation .. ':' end

-- `<generation>.<place>`; nil for a place of another generation.
local function placeIn(generation, text)
  local of, place = string.match(text or '', '^(%d+)%.(%d+)$')
  return of == generation and tonumber(place) or nil
end

-- Another one with each change of a call: the sequence of its last event, and whether its caller was forgotten, which no
-- event tells; "" where there is no call.
local function stateOf(call)
  local stored = redis.call('HMGET', call, 'seq', 'erased')
  return (stored[1] or '') .. (stored[2] and ' erased' or '')
end

-- All slots of an index entry: `<caller's digits>|<number's digits>|<slots>`; also caller and site.
local function readEntry(ix)
  local slots, seen = {}, {}
  if not ix or ix == '' then return slots, seen, '', '' end
  local caller, number, rest = string.match(ix, '^(%d*)|(%d*)|(.*)$')
  local function add(slot)
    if not seen[slot] then
      seen[slot] = true
      slots[#slots + 1] = slot
    end
  end
  for _, one in ipairs({ { 'c', caller }, { 'n', number } }) do
    local whose, digits = one[1], one[2]
    for i = 1, math.min(#digits, MOST_DIGITS) do
      add(whose .. 'b' .. i .. '=' .. string.sub(digits, i, i))
      add(whose .. 'e' .. i .. '=' .. string.sub(digits, -i, -i))
    end
  end
  for slot in string.gmatch(rest, '%S+') do add(slot) end
  add('all')
  return slots, seen, caller, string.match(rest, 's:(%S+)') or ''
end

-- A place's row: id, start and when it was written.
local function writeRow(chunk, place, id, startedAt, written)
  local row = string.format('%-36s', id) .. struct.pack('>I6I6', startedAt, written)
  redis.call('SETRANGE', chunk .. 'rows', place % PLACES * ROW, row)
end

-- The next place, and its row, never written earlier than the row before.
local function takePlace(index, id, startedAt, now)
  local place = redis.call('INCR', index .. 'places') - 1
  local chunk, at = index .. chunkOf(place) .. ':', place % PLACES
  local before = at > 0 and redis.call('GETRANGE', chunk .. 'rows', at * ROW - 6, at * ROW - 1) or ''
  local written = math.max(now, #before == 6 and struct.unpack('>I6', before) or 0)
  writeRow(chunk, place, id, startedAt, written)
  -- How far starts lie from the order in which they were written: bounds where a time is looked for. Rounded up, so
  -- that it is seldom written.
  local known = redis.call('HMGET', chunk .. 'bounds', 'late', 'early')
  local late, early = written - startedAt, startedAt - written
  if late > tonumber(known[1] or 0) then redis.call('HSET', chunk .. 'bounds', 'late', math.ceil(late * 1.5)) end
  if early > tonumber(known[2] or 0) then redis.call('HSET', chunk .. 'bounds', 'early', math.ceil(early * 1.5)) end
  return place
end

-- How many wait is known beside the queue too, so that its loss is noticed (count-missed.lua).
local function countMissed(history, change)
  local state = history .. 'state'
  if redis.call('HEXISTS', state, 'waiting') == 1 then redis.call('HINCRBY', state, 'waiting', change) end
end

local function dropMissed(history, who)
  if redis.call('ZREM', history .. 'missed', who) == 1 then countMissed(history, -1) end
  redis.call('HDEL', history .. 'missed-by', who)
  redis.call('HDEL', history .. 'missed-tries', who)
  redis.call('HDEL', history .. 'missed-taken', who)
end

-- `attempts|first|last|call id|capacity`, at the end of a text; nil where there is none.
local function readMissed(text)
  local attempts, first, last, id, capacity = string.match(text or '', '(%d+)|(%d+)|(%d+)|([^|]*)|(%d)$')
  return attempts
    and { attempts = tonumber(attempts), first = tonumber(first), last = tonumber(last), id = id, capacity = tonumber(capacity) }
end

local function entryOf(history, who) return readMissed(redis.call('HGET', history .. 'missed-by', who)) end

-- His entry and his turn.
local function putMissed(history, who, entry)
  local text = string.format('%d|%d|%d|%s|%d', entry.attempts, entry.first, entry.last, entry.id, entry.capacity)
  redis.call('HSET', history .. 'missed-by', who, text)
  local turn = entry.last + entry.capacity * CAPACITY_FIRST
  if redis.call('ZADD', history .. 'missed', turn, who) == 1 then countMissed(history, 1) end
  if redis.call('ZCARD', history .. 'missed') > MOST_MISSED then
    local least = redis.call('ZRANGE', history .. 'missed', 0, 0)[1]
    if least then dropMissed(history, least) end
  end
end

-- He has been lost, so often and for so long, beside what he waits for already.
local function addMissed(history, who, lost)
  local there = entryOf(history, who)
  if not there then return putMissed(history, who, lost) end
  local later = lost.last >= there.last and lost or there
  putMissed(history, who, {
    attempts = there.attempts + lost.attempts,
    first = math.min(there.first, lost.first),
    last = later.last,
    id = later.id,
    capacity = math.max(there.capacity, lost.capacity),
  })
end

-- `state`: called_back | handled; `by`: the call that tells it, "" where we have called him.
local function settleMissed(history, who, state, by, now)
  local entry = redis.call('HGET', history .. 'missed-by', who)
  if not entry then return end
  local tries = string.gsub(redis.call('HGET', history .. 'missed-tries', who) or '', '|', ',')
  dropMissed(history, who)
  local site = string.match(who, '^(.*)|')
  redis.call('ZADD', history .. 'settled', now, table.concat({ site, state, by, now, tries, entry }, '|'))
  redis.call('ZREMRANGEBYRANK', history .. 'settled', 0, -MOST_MISSED - 1)
end

-- What was settled by the word on this call waits again, as it did, beside what has come since. False where nothing was, or
-- it is forgotten.
local function unsettleMissed(history, who, id)
  for _, member in ipairs(redis.call('ZREVRANGE', history .. 'settled', 0, -1)) do
    local by, tries = string.match(member, '^[^|]*|[^|]*|([^|]*)|[^|]*|([^|]*)|')
    local entry = readMissed(member)
    if entry and (by == id or by == '' and entry.id == id) then
      redis.call('ZREM', history .. 'settled', member)
      -- Who has been called in vain since then too has tries of his own: those count.
      if tries ~= '' then redis.call('HSETNX', history .. 'missed-tries', who, (string.gsub(tries, ',', '|'))) end
      addMissed(history, who, entry)
      return true
    end
  end
  return false
end

-- Who was lost, and who is no longer waiting: follows from what has changed about the call.
local function trackMissed(history, id, startedAt, now, was, is, caller, site)
  if caller == '' then return end
  local who = site .. '|' .. caller
  local function became(slot) return is[slot] and not was[slot] end
  if became('calledback') then
    -- Who has been lost again meanwhile waits on.
    local waiting = entryOf(history, who)
    if waiting and waiting.id == id then settleMissed(history, who, 'called_back', '', now) end
  elseif became('handled') then
    -- That a talk of his is taken care of says nothing of who waits to be called back.
    if is['d:missed'] then settleMissed(history, who, 'handled', id, now) end
  elseif is['d:missed'] and not is['handled'] and (became('d:missed') or was['handled']) then
    if was['handled'] and unsettleMissed(history, who, id) then return end
    addMissed(history, who, { attempts = 1, first = startedAt, last = startedAt, id = id, capacity = is['capacity'] and 1 or 0 })
  elseif became('d:answered') and not is['k0'] then settleMissed(history, who, 'called_back', id, now) end
end

-- Sets the bits of the slots that a call has now, and clears those that it had.
local function writeSlots(index, place, oldSlots, was, newSlots, is)
  local chunk, bit = index .. chunkOf(place) .. ':', bitOf(place)
  local named = {}
  for _, slot in ipairs(oldSlots) do
    if not is[slot] then redis.call('SETBIT', chunk .. slot, bit, 0) end
  end
  for _, slot in ipairs(newSlots) do
    if not was[slot] then
      redis.call('SETBIT', chunk .. slot, bit, 1)
      if string.find(slot, ':', 1, true) then named[#named + 1] = slot end
    end
  end
  -- Slots of names are not known beforehand: who drops the chunk finds them here.
  if #named > 0 then redis.call('SADD', chunk .. 'named', unpack(named)) end
end

-- Makes the index true to a call, whatever changed about it; does nothing where nothing did.
-- history: key prefix; call: the call's hash; ix: its index entry now
local function reindex(history, call, id, ix, startedAt, now)
  local stored = redis.call('HMGET', call, 'ix', 'place')
  local generation, rebuilding = openGeneration(history, now)
  local place = placeIn(generation, stored[2])
  if place and stored[1] == ix then return end
  local oldSlots, was, oldCaller, oldSite = readEntry(stored[1])
  local newSlots, is, caller, site = readEntry(ix)
  if place then
    writeSlots(indexOf(history, generation), place, oldSlots, was, newSlots, is)
  elseif not (rebuilding and stored[1]) then
    place = takePlace(indexOf(history, generation), id, startedAt, now)
    writeSlots(indexOf(history, generation), place, {}, {}, newSlots, is)
  end
  redis.call('HSET', call, 'ix', ix)
  -- Where there is none yet, the rebuild comes to this call and gives it the place that is its own by time.
  if place then redis.call('HSET', call, 'place', generation .. '.' .. place) end
  if oldCaller ~= '' and oldCaller ~= caller then dropMissed(history, oldSite .. '|' .. oldCaller) end
  trackMissed(history, id, startedAt, now, was, is, caller, site)
end
