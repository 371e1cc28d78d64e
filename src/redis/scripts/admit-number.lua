-- A tracking number, its lease and its holders, whatever outsiders wrote there: nothing here can fail on bad data.
-- KEYS: 1 number hash, 2 lease hash, 3 holders sorted set (one hash tag: the number)
-- ARGV: 1 moment asked for (ms since the epoch), 2 most holders, 3 most bytes of one value
-- Returns: { number, lease, holders, oversized }
--   number: { state, site, kind, route, source, enabled }; lease: { state, leaseId, sessionId, site, leasedAt, expiresAt, session }
--   holders: { state, member … }, most recent first, leased at the moment or before; their state is never "none"
--   state: "none" | "ok" | "rubbish" (another type); absent and oversized fields are nil; oversized: how many were dropped
local maxBytes = tonumber(ARGV[3])
local oversized = 0

local function fits(value)
  if not value or #value <= maxBytes then return value end
  oversized = oversized + 1
  return false
end

-- Where another type stands the command fails: asking for the type first would cost every call more than that.
-- Whatever else fails is no fault of who wrote the number, and must not make a call's number unknown.
local function isRubbish(reply)
  if not reply.err then return false end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  return true
end

local function hash(key, names)
  local values = redis.pcall('HMGET', key, unpack(names))
  if isRubbish(values) then return { 'rubbish' } end
  local out, present = { 'ok' }, false
  for i = 1, #names do
    present = present or values[i]
    out[i + 1] = fits(values[i])
  end
  if present or redis.call('EXISTS', key) == 1 then return out end
  return { 'none' }
end

local number = hash(KEYS[1], { 'site', 'kind', 'route', 'source', 'enabled' })
local lease = hash(KEYS[2], { 'leaseId', 'sessionId', 'site', 'leasedAt', 'expiresAt', 'session' })
local holders = { 'ok' }
local members = redis.pcall('ZREVRANGEBYSCORE', KEYS[3], ARGV[1], '-inf', 'LIMIT', 0, ARGV[2])
if isRubbish(members) then holders[1] = 'rubbish' else
  for _, member in ipairs(members) do
    if fits(member) then holders[#holders + 1] = member end
  end
end
return { number, lease, holders, oversized }
