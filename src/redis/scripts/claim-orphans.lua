-- Takes over calls whose owner has not renewed its lease.
-- KEYS: 1 live calls
-- ARGV: 1 new owner, 2 lease (ms), 3 call key prefix, 4 most calls
-- Returns: flat list: document, resources, sequence, former owner, …
--- @include now
local now = clock()
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local key = ARGV[3] .. id
  local stored = redis.call('HMGET', key, 'doc', 'resources', 'seq', 'owner')
  if stored[1] then
    redis.call('HSET', key, 'owner', ARGV[1], 'revision', 0)
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
    for i = 1, 4 do out[#out + 1] = stored[i] end
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return out
