-- Contacts behind NAT whose keep-alive is due; the next one is set, so that no other gateway sends this one.
-- KEYS: 1 contacts, 2 expiry, 3 silences, 4 pings: contact key by its next turn (all of the line's hash tag)
-- ARGV: 1 edge that asks, 2 when the next turn is (ms from now)
-- Returns: contacts as `listContacts` has them
--- @include now
--- @include contacts
local contacts, expiry, silences, pings = unpack(KEYS)
local now = clock()
purgeContacts(contacts, expiry, silences, now)
local all = listContacts(contacts, expiry, silences, now)
local out = {}
for i = 1, #all, 4 do
  local binding = cjson.decode(all[i + 2])
  if binding.nat and binding.edge == ARGV[1] then
    local turn = tonumber(redis.call('ZSCORE', pings, all[i]) or 0)
    if turn <= now then redis.call('ZADD', pings, now + tonumber(ARGV[2]), all[i]) end
    -- The first turn of a new contact is spent on writing it down: it has just been heard from.
    if turn > 0 and turn <= now then for n = i, i + 3 do out[#out + 1] = all[n] end end
  end
end
redis.call('ZREMRANGEBYSCORE', pings, '-inf', now)
if redis.call('EXISTS', pings) == 1 then redis.call('PEXPIRE', pings, 2 * tonumber(ARGV[2])) end
return out
