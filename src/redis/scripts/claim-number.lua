-- The first step of creating numbers, all or none: puts one there for a moment, unless something else stands there.
-- KEYS: 1 number hash
-- ARGV: 1 batch, 2 how long it is kept unless settled (ms), 3 site, 4 kind, 5 route or "", 6 source (JSON) or "", 7 enabled 1|0
-- Returns: "claimed" | "same" (there already) | "file" | "other" | "different" | "busy" (another batch has it)
-- Two JSON objects of texts: the order in which somebody's columns stand is none of theirs.
local function sameTexts(one, other)
  local read, a = pcall(cjson.decode, one)
  local readToo, b = pcall(cjson.decode, other)
  if not read or not readToo or type(a) ~= 'table' or type(b) ~= 'table' then return false end
  for name, text in pairs(a) do
    if b[name] ~= text then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

local key = KEYS[1]
local wanted = { site = ARGV[3], kind = ARGV[4], route = ARGV[5], source = ARGV[6], enabled = ARGV[7] }
local found = redis.call('TYPE', key).ok
if found == 'hash' then
  local there = redis.call('HMGET', key, 'by', 'batch')
  if there[1] == 'config' then return 'file' end
  if there[1] ~= 'api' then return 'other' end
  if there[2] then return 'busy' end
  for name, value in pairs(wanted) do
    local stands = redis.call('HGET', key, name) or ''
    if stands ~= value and not (name == 'source' and sameTexts(stands, value)) then return 'different' end
  end
  return 'same'
end
if found ~= 'none' then redis.call('DEL', key) end
redis.call('HSET', key, 'by', 'api', 'batch', ARGV[1])
for name, value in pairs(wanted) do
  if value ~= '' then redis.call('HSET', key, name, value) end
end
redis.call('PEXPIRE', key, ARGV[2])
return 'claimed'
