-- A lease in the contract keys. Others write there too, so anything may stand in them.
local MOST_BYTES, SKEW = 32768, 60000

-- ms since the epoch; 0 for what is none.
local function moment(value)
  local ms = tonumber(value or 0)
  if not ms or ms ~= ms or ms < 0 or ms > 8.64e15 then return 0 end
  return ms
end

-- The lease that stands on a number now, ours or another's: id, session, leased at, when it ends, site, session JSON; nil: none.
-- Writers' clocks differ: it stands as long as its key lives, and where that has no end, until the end it names.
local function standing(key, now)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local f = redis.call('HMGET', key, 'leaseId', 'sessionId', 'leasedAt', 'expiresAt', 'site', 'session')
  local ends, left = moment(f[4]), redis.call('PTTL', key)
  if left > 0 then ends = math.max(ends, now + left) end
  if ends <= now then return nil end
  return { id = f[1] or '', sessionId = f[2] or '', leasedAt = moment(f[3]), ends = ends, site = f[5] or '', session = f[6] or '{}' }
end

-- Who had the number last, as far as it can be read; a beginning far ahead is rubbish.
local function lastHolder(key, now)
  if redis.call('TYPE', key).ok ~= 'zset' then return nil end
  local member = redis.call('ZREVRANGEBYSCORE', key, now + SKEW, '-inf', 'LIMIT', 0, 1)[1]
  if not member or #member > MOST_BYTES then return nil end
  local read, holder = pcall(cjson.decode, member)
  -- Half an emoji is JSON, and cjson reads none of it; it stands in the session, which is not looked at here.
  if not read then read, holder = pcall(cjson.decode, (string.gsub(member, '\\u[dD][89a-fA-F]%x%x', '\\ufffd'))) end
  if not read or type(holder) ~= 'table' then return nil end
  return { sessionId = holder.sessionId, ends = moment(holder.expiresAt) }
end

-- Puts the lease into the history, in the place of what stood there of it.
local function keepHolder(key, lease, now, kept, most)
  if redis.call('TYPE', key).ok ~= 'zset' then redis.call('DEL', key) end
  local id = cjson.encode(lease.id)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, lease.leasedAt, lease.leasedAt)) do
    if string.find(member, id, 1, true) then redis.call('ZREM', key, member) end
  end
  local member = string.format(
    '{"leaseId":%s,"sessionId":%s,"site":%s,"leasedAt":%.0f,"expiresAt":%.0f,"session":',
    id, cjson.encode(lease.sessionId), cjson.encode(lease.site), lease.leasedAt, lease.ends)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - kept)
  redis.call('ZADD', key, lease.leasedAt, member .. lease.session .. '}')
  redis.call('ZREMRANGEBYRANK', key, 0, -most - 1)
  redis.call('PEXPIREAT', key, lease.ends + kept)
end

local function writeLease(key, lease)
  if redis.call('TYPE', key).ok ~= 'hash' then redis.call('DEL', key) end
  redis.call('HSET', key, 'leaseId', lease.id, 'sessionId', lease.sessionId, 'site', lease.site,
    'leasedAt', string.format('%.0f', lease.leasedAt), 'expiresAt', string.format('%.0f', lease.ends), 'session', lease.session)
  redis.call('PEXPIREAT', key, lease.ends)
end
