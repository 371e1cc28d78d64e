-- The number's half of lending, and the one that decides: nobody gets a number on which another's lease stands, which
-- rests, or on which somebody is talking. Repeated with the same lease id it extends.
-- KEYS: 1 number hash, 2 lease hash, 3 holders, 4 calls on the number (one hash tag: the number)
-- ARGV: 1 site, 2 lease id, 3 session id, 4 session (JSON), 5 end of the lease (ms), 6 quarantine (ms), 7 longest wait before
--   the next try (ms), 8 how long holders are kept (ms), 9 most holders
-- Returns: { "lent", leased at, end } | { "none" | "disabled" | "late" | "leased" | "talking" | "resting", when to try again }
--- @include now
--- @include lease
local site, id, sessionId, ends, quarantine = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local DISABLED_MS = 60000
local OFF = { ['0'] = true, ['false'] = true, ['no'] = true, ['off'] = true }
local now = clock()

-- As the admission reads it (`holders.ts`).
local function word(text)
  return string.lower(string.match(text or '', '^%s*(.-)%s*$'))
end

local function refuse(reason, at)
  return { reason, math.max(now + 1, math.min(at, now + tonumber(ARGV[7]))) }
end

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return { 'none', 0 } end
local number = redis.call('HMGET', KEYS[1], 'site', 'kind', 'enabled')
if number[1] ~= site or word(number[2]) == 'static' then return { 'none', 0 } end
if OFF[word(number[3])] then return refuse('disabled', now + DISABLED_MS) end
-- We were held up for longer than the lease lasts: the pool may have passed the number on.
if ends <= now then return refuse('late', now) end

local there = standing(KEYS[2], now)
if there and there.id ~= id then return refuse('leased', there.ends + quarantine) end
local last = not there and lastHolder(KEYS[3], now)
if not there and not (last and last.sessionId == sessionId) then
  if last and last.ends + quarantine > now then return refuse('resting', last.ends + quarantine) end
  local calls = redis.call('ZREVRANGEBYSCORE', KEYS[4], '+inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, 1)
  if calls[1] then return refuse('talking', tonumber(calls[2])) end
end

local lease = { id = id, sessionId = sessionId, site = site, session = ARGV[4], ends = ends, leasedAt = now }
if there then
  lease.leasedAt, lease.ends = there.leasedAt, math.max(there.ends, ends)
end
writeLease(KEYS[2], lease)
keepHolder(KEYS[3], lease, now, tonumber(ARGV[8]), tonumber(ARGV[9]))
return { 'lent', lease.leasedAt, lease.ends }
