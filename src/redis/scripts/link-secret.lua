-- The newest secret that links are signed with; a new one where there is none or it is old.
-- KEYS: 1 secrets (hash: id → secret; ids are the ms of their making)
-- ARGV: 1 secret to use where a new one is needed, 2 life as the newest (ms), 3 life after that (ms)
-- Returns: id, secret
--- @include now
local now = clock()
local newest
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  local made = tonumber(id)
  if made < now - tonumber(ARGV[2]) - tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], id)
  elseif made >= now - tonumber(ARGV[2]) and (not newest or made > tonumber(newest)) then
    newest = id
  end
end
if not newest then
  newest = string.format('%.0f', now)
  redis.call('HSET', KEYS[1], newest, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return { newest, redis.call('HGET', KEYS[1], newest) }
