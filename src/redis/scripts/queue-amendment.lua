-- Leaves an amendment for the owner of a living call.
-- KEYS: 1 call hash, 2 calls with waiting amendments, 3 the call's waiting amendments (all of hash tag {calls})
-- ARGV: 1 call id, 2 amendment (JSON), 3 most that may wait, 4 life of the list (ms)
-- Returns: "queued" | "closed" (also where there is no such call) | "full"
local closed = redis.call('HGET', KEYS[1], 'closed')
if closed ~= '0' then return 'closed' end
if redis.call('LLEN', KEYS[3]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('RPUSH', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
return 'queued'
