-- The last step of creating numbers: one that was claimed stays, or goes.
-- KEYS: 1 number hash
-- ARGV: 1 batch, 2 keep | drop
-- Returns: 1 | 0 where this batch has no claim there
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or redis.call('HGET', KEYS[1], 'batch') ~= ARGV[1] then return 0 end
if ARGV[2] == 'keep' then
  redis.call('HDEL', KEYS[1], 'batch')
  redis.call('PERSIST', KEYS[1])
else
  redis.call('DEL', KEYS[1])
end
return 1
