#!lua flags=allow-oom
-- Names a store that has an archive, before calls leave for it: what would make room in a full Redis must not wait for room.
-- KEYS: 1 stores (hash: store → gateway)
-- ARGV: 1 store, 2 gateway
-- Returns: 1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
