#!lua flags=allow-oom
-- Puts a caller into the queue of those to call back, as his calls tell; nothing where something has happened since they
-- were read.
-- KEYS: 1 waiting callers, 2 his last lost call
-- ARGV: 1 history key prefix, 2 `<site>|<number>`, 3 attempts, 4 first (ms), 5 last (ms), 6 id of that call, 7 for capacity 1|0
-- Returns: 1; 0: nothing was done
--- @include history
local history, who, last = ARGV[1], ARGV[2], tonumber(ARGV[5])
local _, is = readEntry(redis.call('HGET', KEYS[2], 'ix'))
if not is['d:missed'] or is['handled'] then return 0 end
local there = entryOf(history, who)
if there and there.last > last then return 0 end
putMissed(history, who, {
  attempts = tonumber(ARGV[3]),
  first = tonumber(ARGV[4]),
  last = last,
  id = ARGV[6],
  capacity = tonumber(ARGV[7]),
})
return 1
