-- Puts numbers into a site's list and pool, or takes them out. What stands in the pool already keeps its time.
-- KEYS: 1 all numbers of the site, 2 its pool (one hash tag: the site)
-- ARGV: 1 … pairs of number and "lent" | "shown" (static or disabled: not lent) | "gone"
-- Returns: 1
for i = 1, #ARGV, 2 do
  local number, state = ARGV[i], ARGV[i + 1]
  if state == 'gone' then
    redis.call('ZREM', KEYS[1], number)
  else
    redis.call('ZADD', KEYS[1], 0, number)
  end
  if state == 'lent' then redis.call('ZADD', KEYS[2], 'NX', 0, number) else redis.call('ZREM', KEYS[2], number) end
end
return 1
