-- Callers whom nobody answered: those who wait, lost for capacity first and then the latest first; or those who no longer
-- do, the latest first. Both are 5,000 at most, so one pass looks at all of them.
-- KEYS: 1 waiting callers
-- ARGV: 1 history key prefix, 2 call key prefix, 3 waiting | settled, 4 sites (JSON list), or "" for all, 5 offset, 6 most
-- Returns: offset to go on from (-1: nothing follows), callers waiting, of them for capacity,
--          then for each `site|attempts|first|last|call id|capacity` (settled: `site|state|by|at|attempts|…`), document, and
--          `tries|latest …` of calling back in vain, and `until|who` calls him back
--- @include sites
local history, calls, view = ARGV[1], ARGV[2], ARGV[3]
local offset, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local CAPACITY_FIRST = 1e13
local sees = readSites(ARGV[4])
local function visible(member) return sees(string.match(member, '^(.-)|')) end

local waiting, forCapacity, list = 0, 0, {}
local all = redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  if visible(all[i]) then
    waiting = waiting + 1
    if tonumber(all[i + 1]) >= CAPACITY_FIRST then forCapacity = forCapacity + 1 end
    if view == 'waiting' then list[#list + 1] = all[i] end
  end
end
if view == 'settled' then
  for _, member in ipairs(redis.call('ZREVRANGE', history .. 'settled', 0, -1)) do
    if visible(member) then list[#list + 1] = member end
  end
end
local out = { offset + most < #list and offset + most or -1, waiting, forCapacity }
for i = offset + 1, math.min(offset + most, #list) do
  local entry, tries, taken = list[i], '', ''
  if view == 'waiting' then
    tries = redis.call('HGET', history .. 'missed-tries', entry) or ''
    taken = redis.call('HGET', history .. 'missed-taken', entry) or ''
    entry = string.match(entry, '^(.-)|') .. '|' .. (redis.call('HGET', history .. 'missed-by', entry) or '')
  else
    local head, inVain, waited = string.match(entry, '^([^|]*|[^|]*|[^|]*|[^|]*)|([^|]*)|(.*)$')
    entry, tries = head .. '|' .. waited, (string.gsub(inVain, ',', '|'))
  end
  local id = string.match(entry, '|([^|]*)|%d$')
  out[#out + 1] = entry
  out[#out + 1] = id and redis.call('HGET', calls .. id, 'doc') or ''
  out[#out + 1] = tries
  out[#out + 1] = taken
end
return out
