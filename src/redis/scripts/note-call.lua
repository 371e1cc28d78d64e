-- What a call means for its caller's history: when it came, and again when it has ended or its verdict was put right.
-- Idempotent by call id.
-- KEYS: 1 caller's calls, 2 what is known of each, 3 what is known by site (one hash tag: the caller)
-- ARGV: 1 call id, 2 arrival (ms), 3 site, 4 tracking number, 5 disposition or "", 6 talk seconds or "",
--       7 whose it was (JSON) or "", 8 life of all this (ms), 9 most sites
-- Returns: 1
local calls, facts, sites = unpack(KEYS)
local id, at, site, disposition = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5]
local known = redis.call('HGET', facts, id)
local before = redis.call('HMGET', sites, 'n:' .. site, 'last:' .. site, 'answered:' .. site, 'who:' .. site)
if not before[1] and redis.call('HLEN', sites) >= 4 * tonumber(ARGV[9]) then return 1 end
redis.call('ZADD', calls, at, id)
redis.call('HSET', facts, id, table.concat({ site, ARGV[4], ARGV[6], disposition }, '|'))
-- Counted once: from then on its site stands in the facts.
if not known or string.sub(known, 1, 1) == '|' then redis.call('HINCRBY', sites, 'n:' .. site, 1) end

local function arrival(text) return text and tonumber(string.match(text, '^%d+')) or 0 end
if at >= arrival(before[2]) then redis.call('HSET', sites, 'last:' .. site, ARGV[2] .. '|' .. disposition) end
if disposition == 'answered' and at > arrival(before[3]) then redis.call('HSET', sites, 'answered:' .. site, ARGV[2]) end
if ARGV[7] ~= '' then
  if at >= arrival(before[4]) then redis.call('HSET', sites, 'who:' .. site, ARGV[2] .. '|' .. ARGV[7]) end
elseif arrival(before[4]) == at then
  redis.call('HDEL', sites, 'who:' .. site)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[8]) end
return 1
