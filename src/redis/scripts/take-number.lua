-- The pool's half of lending: picks the number that has been free the longest and keeps it for this session. The same
-- session gets the number it has, or had until the end of its quarantine. The other half is lend-number.
-- KEYS: 1 pool (number by when it is free), 2 the session's own, 3 level, 4 untold changes (one hash tag: the site),
--   5 the numbers of whoever asks in many visitors' name, by when each is free
-- ARGV: 1 beginning of a new lease's id, 2 lease (ms), 3 quarantine (ms), 4 share that counts as low, 5 prefix of its hours,
--   6 number taken before that could not be lent, or "", 7 when that one may be tried again (ms; 0: it is none of the pool's),
--   8 1: no further try, this visitor goes without, 9 share of the pool that key 5 may hold, or "": all of it
-- Returns: { "kept" | "taken" | "dry" | "held", number, lease id, end of the lease, changes still to be told }
--   dry: number is "again" where this session has gone without before; held: key 5 has its share
--- @include now
--- @include pool
-- A family behind one address, whatever the size of the pool.
local ALWAYS = 3
local pool, own, ofAsker = KEYS[1], KEYS[2], KEYS[5]
local lease, quarantine, low = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local refused, retryAt = ARGV[6], tonumber(ARGV[7])
local now = clock()
local book = openPool(pool, ARGV[5], now)
local first = refused == ''
local share = tonumber(ARGV[9])

if not first then
  if retryAt > 0 then redis.call('ZADD', pool, 'XX', retryAt, refused) else redis.call('ZREM', pool, refused) end
  if readOwn(own) == refused then redis.call('DEL', own) end
  if share then redis.call('ZREM', ofAsker, refused) end
end

local function reserve(outcome, number, id, ends)
  local freeAt = ends + quarantine
  redis.call('ZADD', pool, freeAt, number)
  writeOwn(own, number, id, ends, freeAt, now)
  if share then
    redis.call('ZADD', ofAsker, freeAt, number)
    redis.call('PEXPIREAT', ofAsker, string.format('%.0f', freeAt))
  end
  return { outcome, number, id, ends, book.look(KEYS[3], KEYS[4], low, false) }
end

local function hasItsShare()
  if not share then return false end
  redis.call('ZREMRANGEBYSCORE', ofAsker, '-inf', now)
  return redis.call('ZCARD', ofAsker) >= math.max(ALWAYS, math.ceil(share * redis.call('ZCARD', pool)))
end

local function newLease(number)
  if first then
    book.count('a', 1)
    book.count('ms', lease)
  end
  return reserve('taken', number, ARGV[1] .. string.sub(number, 2), now + lease)
end

local number, id, ends = readOwn(own)
if number and redis.call('ZSCORE', pool, number) then
  if ends <= now then return newLease(number) end
  local later = math.max(ends, now + lease)
  book.count('ms', later - ends)
  return reserve('kept', number, id, later)
end

if hasItsShare() then return { 'held', '', '', 0, book.look(KEYS[3], KEYS[4], low, false) } end

local found = ARGV[8] ~= '1' and redis.call('ZRANGEBYSCORE', pool, '-inf', now, 'LIMIT', 0, 1)[1]
if found then return newLease(found) end
-- A page that asks again and again is one visitor.
local again = redis.call('GET', own) == '-'
redis.call('SET', own, '-', 'PX', lease)
if not again then
  if first then book.count('a', 1) else book.count('ms', -lease) end
  book.count('r', 1)
end
return { 'dry', again and 'again' or '', '', 0, book.look(KEYS[3], KEYS[4], low, true) }
