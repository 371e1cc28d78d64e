-- A caller's earlier calls, then this one added: idempotent by call id. What is known by site is written by note-call.
-- KEYS: 1 caller's calls (sorted set: call id by arrival), 2 what is known of each (hash: call id →
--       site|number|talk seconds|disposition),
--       3 what is known by site (hash) (one hash tag: the caller)
-- ARGV: 1 call id, 2 arrival (ms), 3 most age (ms), 4 most calls kept, 5 tracking number, 6 most recent calls to tell of each site
-- Returns: { flat list of the hash by site, flat list of recent calls: arrival, site|number|talk seconds|disposition, … the
--            latest first }
local calls, facts, sites = KEYS[1], KEYS[2], KEYS[3]
local id, at = ARGV[1], tonumber(ARGV[2])

local function forget(ids)
  if #ids == 0 then return end
  redis.call('ZREM', calls, unpack(ids))
  redis.call('HDEL', facts, unpack(ids))
end

forget(redis.call('ZRANGEBYSCORE', calls, '-inf', at - tonumber(ARGV[3]), 'LIMIT', 0, 100))
local recent, told = {}, {}
local most = tonumber(ARGV[6])
if most > 0 then
  -- Which site the call is for is known to another hash tag: what one site asks must not push out another's calls.
  local earlier = redis.call('ZREVRANGEBYSCORE', calls, at, '-inf', 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[4]))
  local ids = {}
  for i = 1, #earlier, 2 do ids[#ids + 1] = earlier[i] end
  local found = #ids > 0 and redis.call('HMGET', facts, unpack(ids)) or ids
  for i, one in ipairs(ids) do
    local fact = found[i] or '|||'
    local site = string.match(fact, '^[^|]*')
    if one ~= id and (told[site] or 0) < most then
      told[site] = (told[site] or 0) + 1
      recent[#recent + 1] = earlier[2 * i]
      recent[#recent + 1] = fact
    end
  end
end
local known = redis.call('HGETALL', sites)
redis.call('ZADD', calls, at, id)
redis.call('HSETNX', facts, id, '|' .. ARGV[5] .. '||')
local excess = redis.call('ZCARD', calls) - tonumber(ARGV[4])
if excess > 0 then forget(redis.call('ZRANGE', calls, 0, excess - 1)) end
redis.call('PEXPIRE', calls, ARGV[3])
redis.call('PEXPIRE', facts, ARGV[3])
if #known > 0 then redis.call('PEXPIRE', sites, ARGV[3]) end
return { known, recent }
