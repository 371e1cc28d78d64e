#!lua flags=allow-oom
-- Puts a call into the list of calls where that has lost it: a rebuild of the index, which lets calls leave a full Redis again,
-- goes by it.
-- KEYS: 1 recent calls
-- ARGV: 1 when it began (ms), 2 id
-- Returns: 1 | 0 where it is there
return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
