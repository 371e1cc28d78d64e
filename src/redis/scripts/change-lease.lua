-- Extends the lease that stands on a number, or ends it now.
-- KEYS: 1 lease hash, 2 holders (one hash tag: the number)
-- ARGV: 1 lease id, 2 how much longer (ms from now; 0 ends it), 3 how long holders are kept (ms), 4 most holders
-- Returns: { site, session id, leased at, former end, end } | {} where this lease does not stand there
--- @include now
--- @include lease
local now, longer = clock(), tonumber(ARGV[2])
local lease = standing(KEYS[1], now)
if not lease or lease.id ~= ARGV[1] then return {} end
local before = lease.ends
if longer > 0 then
  lease.ends = math.max(before, now + longer)
  writeLease(KEYS[1], lease)
else
  lease.ends = now
  redis.call('DEL', KEYS[1])
end
keepHolder(KEYS[2], lease, now, tonumber(ARGV[3]), tonumber(ARGV[4]))
return { lease.site, lease.sessionId, lease.leasedAt, before, lease.ends }
