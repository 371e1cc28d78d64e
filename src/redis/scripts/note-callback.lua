-- The business has called somebody back: who waits for that, and one more try noted where nobody answered.
-- KEYS: 1 waiting callers
-- ARGV: 1 history key prefix, 2 sites (JSON list), or "" for all, 3 when he was dialled (ms), 4 talk (ms); 0: nobody
--       answered, 5 … digits of his number, each way it may be read
-- Returns: for each: site, call id, when he first called (ms), tries in vain
--- @include sites
local history, at, talk = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local MOST_TIMES = 20
local sees, numbers = readSites(ARGV[2]), {}
for i = 5, #ARGV do numbers[ARGV[i]] = true end

-- `tries|latest …`: the same one may be told twice.
local function noteTry(who)
  local count, times = string.match(redis.call('HGET', history .. 'missed-tries', who) or '0|', '^(%d+)|(.*)$')
  count = tonumber(count)
  local kept = {}
  for one in string.gmatch(times, '%d+') do
    if tonumber(one) == at then return count end
    kept[#kept + 1] = tonumber(one)
  end
  kept[#kept + 1] = at
  table.sort(kept, function(a, b) return a > b end)
  local texts = {}
  for i = 1, math.min(#kept, MOST_TIMES) do texts[i] = string.format('%d', kept[i]) end
  redis.call('HSET', history .. 'missed-tries', who, (count + 1) .. '|' .. table.concat(texts, ' '))
  return count + 1
end

local out = {}
for _, who in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local site, number = string.match(who, '^(.*)|(%d*)$')
  if numbers[number] and sees(site) then
    local first, last, id =
      string.match(redis.call('HGET', history .. 'missed-by', who) or '', '^%d+|(%d+)|(%d+)|(.-)|%d$')
    -- Who has called in vain after that talk waits on; before he first called nobody called him back.
    if id and ((talk > 0 and at + talk >= tonumber(last)) or (talk == 0 and at >= tonumber(first))) then
      local tries = talk == 0 and noteTry(who)
        or tonumber(string.match(redis.call('HGET', history .. 'missed-tries', who) or '', '^%d+') or 0)
      for _, value in ipairs({ site, id, first, tries }) do out[#out + 1] = value end
    end
  end
end
return out
