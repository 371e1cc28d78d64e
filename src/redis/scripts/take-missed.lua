-- Somebody is about to call back who waits, so that nobody else does; or leaves him to the others. Not while another has him.
-- KEYS: 1 waiting callers
-- ARGV: 1 history key prefix, 2 `<site>|<number>`, 3 who, 4 now (ms), 5 until when (ms); 0: leaves him
-- Returns: `until|who` that has him now, "" for nobody, `ended` where this has ended his turn; nil where he waits no longer
local taken, who, by, now, till = ARGV[1] .. 'missed-taken', ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not redis.call('ZSCORE', KEYS[1], who) then return false end
local there = redis.call('HGET', taken, who)
local ends, holder = string.match(there or '', '^(%d+)|(.*)$')
local lasts = ends and tonumber(ends) > now
if lasts and holder ~= by then return there end
if till == 0 then
  redis.call('HDEL', taken, who)
  return lasts and 'ended' or ''
end
local turn = string.format('%d|%s', till, by)
redis.call('HSET', taken, who, turn)
return turn
