-- Amendments that the asking gateway may make: of its own living calls, and of closed ones.
-- KEYS: 1 calls with waiting amendments
-- ARGV: 1 owner, 2 call key prefix, 3 key prefix of waiting amendments, 4 most calls
-- Returns: flat list: call id, "living" | "closed", amendment (JSON), …
local out, calls = {}, 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local stored = redis.call('HMGET', ARGV[2] .. id, 'owner', 'closed')
  local amendments = redis.call('LRANGE', ARGV[3] .. id, 0, -1)
  if not stored[1] or #amendments == 0 then
    redis.call('SREM', KEYS[1], id)
    redis.call('DEL', ARGV[3] .. id)
  elseif stored[2] == '1' or stored[1] == ARGV[1] then
    calls = calls + 1
    for _, amendment in ipairs(amendments) do
      out[#out + 1] = id
      out[#out + 1] = stored[2] == '1' and 'closed' or 'living'
      out[#out + 1] = amendment
    end
    if calls >= tonumber(ARGV[4]) then break end
  end
end
return out
