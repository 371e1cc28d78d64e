-- All that is known of a caller, changing nothing: for what has to be found out later than his call.
-- KEYS: 1 caller's calls, 2 what is known of each, 3 what is known by site (one hash tag: the caller)
-- Returns: { flat list of the hash by site, flat list of calls: id, arrival, site|number|talk seconds|disposition, … the
--            latest first }
local calls, facts, sites = unpack(KEYS)
local out = {}
local all = redis.call('ZREVRANGE', calls, 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  out[#out + 1] = all[i]
  out[#out + 1] = all[i + 1]
  out[#out + 1] = redis.call('HGET', facts, all[i]) or '|||'
end
return { redis.call('HGETALL', sites), out }
