-- Whether a contact has answered its keep-alive.
-- KEYS: 1 expiry, 2 silences (all of the line's hash tag)
-- ARGV: 1 contact key, 2 "1" answered | "0" silent
-- Returns: silences in a row; 0 for a contact that is gone
if ARGV[2] == '1' or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 0
end
local silent = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], last[2])
return silent
