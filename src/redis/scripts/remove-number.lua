-- Removes a number that left the configuration, unless another service has written it anew.
-- KEYS: 1 number hash
-- Returns: its site | "" where it was kept
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return '' end
local number = redis.call('HMGET', KEYS[1], 'by', 'site')
if number[1] ~= 'config' then return '' end
redis.call('DEL', KEYS[1])
return number[2] or ''
