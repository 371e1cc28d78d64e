-- A tracking number, its lease and its holders, whatever outsiders wrote there: nothing here can fail on bad data.
-- KEYS: 1 number hash, 2 lease hash, 3 holders sorted set (one hash tag: the number)
-- ARGV: 1 moment asked for (ms since the epoch), 2 most holders, 3 most bytes of one value
-- Returns: { number, lease, holders, oversized }
--   number: { state, site, kind, route, source, enabled }; lease: { state, leaseId, sessionId, site, leasedAt, expiresAt, session }
--   holders: { state, member … }, most recent first, leased at the moment or before
--   state: "none" | "ok" | "rubbish" (another type); absent and oversized fields are nil; oversized: how many were dropped
local maxBytes = tonumber(ARGV[3])
local oversized = 0

local function fits(value)
  if not value or #value <= maxBytes then return value end
  oversized = oversized + 1
  return false
end

local function state(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found == 'none' then return 'none' end
  return found == wanted and 'ok' or 'rubbish'
end

local function hash(key, names)
  local out = { state(key, 'hash') }
  if out[1] ~= 'ok' then return out end
  local values = redis.call('HMGET', key, unpack(names))
  for i = 1, #names do out[i + 1] = fits(values[i]) end
  return out
end

local number = hash(KEYS[1], { 'site', 'kind', 'route', 'source', 'enabled' })
local lease = hash(KEYS[2], { 'leaseId', 'sessionId', 'site', 'leasedAt', 'expiresAt', 'session' })
local holders = { state(KEYS[3], 'zset') }
if holders[1] == 'ok' then
  local members = redis.call('ZREVRANGEBYSCORE', KEYS[3], ARGV[1], '-inf', 'LIMIT', 0, ARGV[2])
  for _, member in ipairs(members) do
    if fits(member) then holders[#holders + 1] = member end
  end
end
return { number, lease, holders, oversized }
