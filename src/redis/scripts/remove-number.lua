-- A number has left the configuration of a gateway: removes it where no other gateway's names it, unless another service
-- has written it anew.
-- KEYS: 1 number hash, 2 gateways whose configuration names it (one hash tag: the number)
-- ARGV: 1 gateway
-- Returns: its site | "" where it was kept
redis.call('SREM', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return '' end
local number = redis.call('HMGET', KEYS[1], 'by', 'site')
if number[1] ~= 'config' then return '' end
redis.call('DEL', KEYS[1])
return number[2] or ''
