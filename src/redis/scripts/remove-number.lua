-- Removes a number that left the configuration, unless another service has written it anew.
-- KEYS: 1 number hash
-- Returns: 1 removed | 0 kept
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
if redis.call('HGET', KEYS[1], 'by') ~= 'config' then return 0 end
return redis.call('DEL', KEYS[1])
