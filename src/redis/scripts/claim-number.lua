-- The first step of creating numbers, all or none: puts one there for a moment, unless something else stands there.
-- KEYS: 1 number hash
-- ARGV: 1 batch, 2 how long it is kept unless settled (ms), 3 site, 4 kind, 5 route or "", 6 source (JSON) or "", 7 enabled 1|0
-- Returns: "claimed" | "same" (there already) | "file" | "other" | "different" | "busy" (another batch has it)
local key = KEYS[1]
local wanted = { site = ARGV[3], kind = ARGV[4], route = ARGV[5], source = ARGV[6], enabled = ARGV[7] }
local found = redis.call('TYPE', key).ok
if found == 'hash' then
  local there = redis.call('HMGET', key, 'by', 'batch')
  if there[1] == 'config' then return 'file' end
  if there[1] ~= 'api' then return 'other' end
  if there[2] then return 'busy' end
  for name, value in pairs(wanted) do
    if (redis.call('HGET', key, name) or '') ~= value then return 'different' end
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
