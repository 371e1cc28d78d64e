-- Writes a number of the configuration into its contract key; what another service set in `enabled` stays.
-- KEYS: 1 number hash
-- ARGV: 1 site, 2 kind, 3 route or "", 4 source (JSON) or ""
-- Returns: 1
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'site', ARGV[1], 'kind', ARGV[2], 'by', 'config')
-- The API may be about to create it.
redis.call('HDEL', KEYS[1], 'batch')
redis.call('PERSIST', KEYS[1])
for field, value in pairs({ route = ARGV[3], source = ARGV[4] }) do
  if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
end
redis.call('HSETNX', KEYS[1], 'enabled', '1')
return 1
