-- Lends a promo code to a visitor session: the one that it has, extended, or the first of the new ones that nobody has.
-- KEYS: 1 the session's own code, 2 the codes of whoever asks in many visitors' name, by when each is free, 3.. a key for each
--   new code (one hash tag: the site)
-- ARGV: 1 prefix of the codes' keys, 2 beginning of a new lease's id, 3 session id, 4 site, 5 session (JSON), 6 lease (ms),
--   7 rest after it, in which the code still counts (ms), 8 how many digits, 9 how many codes key 2 may hold, or "": all,
--   10.. the new codes
-- Returns: { code, end of the lease } | { "held" } where key 2 has its share | {} where all of the new codes are lent
--- @include now
local now = clock()
local lease, rest, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])

local function write(code, id, leasedAt)
  local ends = now + lease
  local holder = string.format('{"leaseId":%s,"sessionId":%s,"site":%s,"leasedAt":%.0f,"expiresAt":%.0f,"session":%s}',
    cjson.encode(id), cjson.encode(ARGV[3]), cjson.encode(ARGV[4]), leasedAt, ends, ARGV[5])
  redis.call('SET', ARGV[1] .. code, holder, 'PX', lease + rest)
  redis.call('SET', KEYS[1], string.format('%s %s %.0f', code, id, leasedAt), 'PX', lease + rest)
  if most then
    redis.call('ZADD', KEYS[2], ends + rest, code)
    redis.call('PEXPIRE', KEYS[2], lease + rest)
  end
  return { code, string.format('%.0f', ends) }
end

-- Codes of another length are asked for no more.
local code, id, leasedAt = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%S+) (%d+)$')
if code and #code == tonumber(ARGV[8]) then return write(code, id, tonumber(leasedAt)) end
if most then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= most then return { 'held' } end
end
for i = 3, #KEYS do
  local new = ARGV[i + 7]
  if redis.call('EXISTS', KEYS[i]) == 0 then return write(new, ARGV[2] .. new, now) end
end
return {}
