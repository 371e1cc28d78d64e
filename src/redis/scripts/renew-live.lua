-- Extends the owner's lease on calls in progress.
-- KEYS: 1 live calls
-- ARGV: 1 owner, 2 lease (ms), 3 call key prefix, 4 … call ids
-- Returns: the ids that another owner has taken over; a call not written yet or closed already is neither renewed nor lost
--- @include now
local untilMs = clock() + tonumber(ARGV[2])
local lost = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local stored = redis.call('HMGET', ARGV[3] .. id, 'owner', 'closed')
  if stored[1] and stored[1] ~= ARGV[1] then
    lost[#lost + 1] = id
  elseif stored[1] and stored[2] ~= '1' then
    redis.call('ZADD', KEYS[1], untilMs, id)
  end
end
return lost
