#!lua flags=allow-oom
-- Writes down what a vendor has just been told of a call. A full Redis still delivers: without this each attempt would tell it anew.
-- KEYS: 1 steps (hash: step → the vendor's id for it)
-- ARGV: 1 step, 2 the vendor's id, 3 retention (ms)
-- Returns: 1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
