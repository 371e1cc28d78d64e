#!lua flags=allow-oom
-- One gateway at a time keeps the history.
-- KEYS: 1 the lease
-- ARGV: 1 who asks, 2 for how long (ms), 3 1: takes it where nobody has it; 0: only renews
-- Returns: 1: his, taken or renewed; 0: it is not
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] and (owner or ARGV[3] ~= '1') then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
