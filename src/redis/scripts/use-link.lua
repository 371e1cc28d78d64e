-- Takes a one-time link for its first user.
-- KEYS: 1 link (string: who has it)
-- ARGV: 1 user, 2 ms until the link ends
-- Returns: who has it
-- Not by SET with NX and GET: these go together only since Redis 7.0.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return ARGV[1] end
return redis.call('GET', KEYS[1])
