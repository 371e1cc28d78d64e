-- Puts a caller on a list of a site, or takes him off.
-- KEYS: 1 lists of the site (hash: pattern → list|by|at; "version")
-- ARGV: 1 pattern, 2 list|by|at, or "" to take him off, 3 most entries
-- Returns: "done" | "full" | "absent"
if ARGV[2] == '' then
  if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 'absent' end
elseif redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then
  return 'full'
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 'done'
