-- Calls by the time they began, the oldest first.
-- KEYS: 1 recent calls
-- ARGV: 1 from (ms), 2 to (ms, exclusive), 3 id of the last call of the part before, or "", 4 when that one began (ms), 5 most
--       calls, 6 call key prefix
-- Returns: flat list of id, when it began (ms), document (JSON; "" where it is gone)
local recent = KEYS[1]
local start
if ARGV[3] ~= '' then
  local rank = redis.call('ZRANK', recent, ARGV[3])
  -- Gone meanwhile: what began in its millisecond went with it.
  start = rank and rank + 1 or redis.call('ZCOUNT', recent, '-inf', ARGV[4])
else
  start = redis.call('ZCOUNT', recent, '-inf', '(' .. ARGV[1])
end
local out = {}
local found = redis.call('ZRANGE', recent, start, start + tonumber(ARGV[5]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) >= tonumber(ARGV[2]) then break end
  out[#out + 1] = found[i]
  out[#out + 1] = found[i + 1]
  out[#out + 1] = redis.call('HGET', ARGV[6] .. found[i], 'doc') or ''
end
return out
