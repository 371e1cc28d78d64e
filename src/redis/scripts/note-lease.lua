-- The pool's half of extending and releasing: when the number will be free.
-- KEYS: 1 pool (number by when it is free), 2 the session's own (one hash tag: the site)
-- ARGV: 1 number, 2 lease id, 3 former end of the lease (ms), 4 its end now (ms), 5 quarantine (ms), 6 prefix of its hours
-- Returns: 1 | 0 where the pool knows nothing of this lease (another service's)
--- @include now
--- @include pool
local number, id, before, ends, quarantine = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now = clock()
local _, ownId = readOwn(KEYS[2])
if ownId ~= id then return 0 end
local freeAt = ends + quarantine
redis.call('ZADD', KEYS[1], 'XX', freeAt, number)
writeOwn(KEYS[2], number, id, ends, freeAt, now)
openPool(KEYS[1], ARGV[6], now).count('ms', ends - before)
return 1
