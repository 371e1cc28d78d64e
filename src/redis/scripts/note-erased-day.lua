-- How far a caller is forgotten in an archive. With the last archive the number goes, and the erasure is no longer due.
-- KEYS: 1 the erasure, 2 erasures that are due
-- ARGV: 1 its id, 2 prefix of the fields of archives, 3 archive, 4 the last day that is done; "": all are
-- Returns: 1
local field = ARGV[2] .. ARGV[3]
local stored = redis.call('HGET', KEYS[1], field)
if stored and ARGV[4] ~= '' then
  local waiting = cjson.decode(stored)
  waiting.after = ARGV[4]
  redis.call('HSET', KEYS[1], field, cjson.encode(waiting))
else
  redis.call('HDEL', KEYS[1], field)
end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, #ARGV[2]) == ARGV[2] then return 1 end
end
redis.call('HDEL', KEYS[1], 'number')
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
