-- Takes whole calls out of one endpoint's queue: nothing of them is sent any more. Who is sending at this moment finds
-- nothing to settle.
-- KEYS: 1 due, 2 flight, 3 tries, 4 backlog, 5 replays (all of hash tag {calls})
-- ARGV: 1 todo key prefix, then call ids
-- Returns: deliveries taken out
local due, flight, tries, backlog, replays = unpack(KEYS)
local removed = 0
for i = 2, #ARGV do
  local call = ARGV[i]
  local ids = redis.call('LRANGE', ARGV[1] .. call, 0, -1)
  -- One by one: a call that was changed thousands of times has more events than one command takes.
  for _, id in ipairs(ids) do
    redis.call('ZREM', backlog, id)
    redis.call('HDEL', replays, id)
  end
  redis.call('DEL', ARGV[1] .. call)
  removed = removed + #ids
  redis.call('ZREM', due, call)
  redis.call('ZREM', flight, call)
  redis.call('HDEL', tries, call)
end
return removed
