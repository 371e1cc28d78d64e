-- Takes over calls whose owner has not renewed its lease: first those of the new owner's edge, on whose callers it can
-- hang up, then those that nobody of their own edge has come for.
-- KEYS: 1 live calls
-- ARGV: 1 new owner, 2 lease (ms), 3 call key prefix, 4 most calls, 5 edge of the new owner,
--       6 how long after its lease a call is left to its own edge (ms)
-- Returns: flat list: document, resources, sequence, when its lease ended (ms), …
--- @include now
-- Looked at in one go; what stands behind them comes when they have gone.
local MOST_LOOKED_AT = 1000
local live, most, edge = KEYS[1], tonumber(ARGV[4]), ARGV[5]
local now = clock()
local ours, others, out = {}, {}, {}
local due = redis.call('ZRANGEBYSCORE', live, '-inf', now, 'WITHSCORES', 'LIMIT', 0, MOST_LOOKED_AT)
for i = 1, #due, 2 do
  local resources = redis.call('HGET', ARGV[3] .. due[i], 'resources')
  if not resources then
    redis.call('ZREM', live, due[i])
  elseif cjson.decode(resources).edge == edge then
    ours[#ours + 1] = due[i]
  elseif tonumber(due[i + 1]) <= now - tonumber(ARGV[6]) then
    others[#others + 1] = due[i]
  end
end

local function take(id)
  local key = ARGV[3] .. id
  local stored = redis.call('HMGET', key, 'doc', 'resources', 'seq')
  stored[4] = redis.call('ZSCORE', live, id)
  redis.call('HSET', key, 'owner', ARGV[1], 'revision', 0)
  redis.call('ZADD', live, now + tonumber(ARGV[2]), id)
  for i = 1, 4 do out[#out + 1] = stored[i] end
end

for _, ids in ipairs({ ours, others }) do
  for _, id in ipairs(ids) do
    if #out < 4 * most then take(id) end
  end
end
return out
