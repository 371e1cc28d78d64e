-- Writes a number of the configuration into its contract key; what another service set in `enabled` stays.
-- KEYS: 1 number hash, 2 gateways whose configuration names it (one hash tag: the number)
-- ARGV: 1 gateway, 2 site, 3 kind, 4 route or "", 5 source (JSON) or ""
-- Returns: the site that it was of before | "" where it was of none, or of this one
redis.call('SADD', KEYS[2], ARGV[1])
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
local before = redis.call('HGET', KEYS[1], 'site') or ''
redis.call('HSET', KEYS[1], 'site', ARGV[2], 'kind', ARGV[3], 'by', 'config')
-- The API may be about to create it.
redis.call('HDEL', KEYS[1], 'batch')
redis.call('PERSIST', KEYS[1])
for field, value in pairs({ route = ARGV[4], source = ARGV[5] }) do
  if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
end
redis.call('HSETNX', KEYS[1], 'enabled', '1')
return before == ARGV[2] and '' or before
