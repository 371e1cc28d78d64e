-- One line of the audit log, or none where it only goes on with what an earlier line says.
-- KEYS: 1 log (stream), 2 mark (both of hash tag {audit})
-- ARGV: 1 line (JSON), 2 call id ("" for none), 3 site ("" for none), 4 retention (ms), 5 most lines, 6 life of the mark (ms; 0: none)
-- Returns: 1 written | 0 goes on
--- @include now
local life = tonumber(ARGV[6])
if life > 0 then
  local known = redis.call('EXISTS', KEYS[2]) == 1
  redis.call('SET', KEYS[2], 1, 'PX', life)
  if known then return 0 end
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'line', ARGV[1], 'call', ARGV[2], 'site', ARGV[3])
redis.call('XTRIM', KEYS[1], 'MINID', '~', math.max(0, clock() - tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
