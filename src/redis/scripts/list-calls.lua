-- Calls, the newest first, from below a cursor.
-- KEYS: 1 recent calls
-- ARGV: 1 call id after which to go on, or "", 2 most calls, 3 call key prefix
-- Returns: documents (JSON); empty when the cursor is no longer known
local from = 0
if ARGV[1] ~= '' then
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
  if not rank then return {} end
  from = rank + 1
end
local out = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], from, from + tonumber(ARGV[2]) - 1)) do
  local doc = redis.call('HGET', ARGV[3] .. id, 'doc')
  if doc then out[#out + 1] = doc end
end
return out
