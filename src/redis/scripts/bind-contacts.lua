-- One authenticated REGISTER: all of its changes, or none.
-- KEYS: 1 contacts, 2 expiry, 3 silences, 4 count of the nonce (all of the line's hash tag)
-- ARGV: 1 nonce count, 2 life of a nonce (ms), 3 most contacts, 4 Call-ID, 5 CSeq, 6 "clear" | "update",
--       7 … contact key, life (ms, 0 to remove), text (JSON with `callId`, `cseq`, `at`), …
-- Returns: { "replayed" } | { "out-of-order" } | { "bound", contacts as `listContacts` has them … }
--- @include now
--- @include contacts
local contacts, expiry, silences, nonce = unpack(KEYS)
local now = clock()
purgeContacts(contacts, expiry, silences, now)

if tonumber(redis.call('GET', nonce) or 0) >= tonumber(ARGV[1]) then return { 'replayed' } end
redis.call('SET', nonce, ARGV[1], 'PX', ARGV[2])

local function comesLate(key)
  local text = redis.call('HGET', contacts, key)
  if not text then return false end
  local binding = cjson.decode(text)
  return binding.callId == ARGV[4] and binding.cseq >= tonumber(ARGV[5])
end

local function remove(key)
  redis.call('HDEL', contacts, key)
  redis.call('HDEL', silences, key)
  redis.call('ZREM', expiry, key)
end

local wanted = ARGV[6] == 'clear' and redis.call('ZRANGE', expiry, 0, -1) or {}
for i = 7, #ARGV, 3 do wanted[#wanted + 1] = ARGV[i] end
for _, key in ipairs(wanted) do if comesLate(key) then return { 'out-of-order' } end end

if ARGV[6] == 'clear' then for _, key in ipairs(wanted) do remove(key) end end
for i = 7, #ARGV, 3 do
  remove(ARGV[i])
  if tonumber(ARGV[i + 1]) > 0 then
    redis.call('HSET', contacts, ARGV[i], ARGV[i + 2])
    redis.call('ZADD', expiry, now + tonumber(ARGV[i + 1]), ARGV[i])
  end
end

-- The phone that registered longest ago makes room.
while redis.call('ZCARD', expiry) > tonumber(ARGV[3]) do
  local oldest, oldestAt
  for _, key in ipairs(redis.call('ZRANGE', expiry, 0, -1)) do
    local at = cjson.decode(redis.call('HGET', contacts, key) or '{"at":0}').at
    if not oldestAt or at < oldestAt then oldest, oldestAt = key, at end
  end
  remove(oldest)
end

local last = redis.call('ZRANGE', expiry, -1, -1, 'WITHSCORES')
if last[2] then for _, key in ipairs({ contacts, expiry, silences }) do redis.call('PEXPIREAT', key, last[2]) end end
return { 'bound', unpack(listContacts(contacts, expiry, silences, now)) }
