-- Gives the lease of who keeps the history back.
-- KEYS: 1 the lease
-- ARGV: 1 who has it
-- Returns: 1: it was his
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
