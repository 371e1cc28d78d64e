-- Changes or removes a number of the API's.
-- KEYS: 1 number hash, 2 lease hash, 3 holders, 4 calls on the number (one hash tag: the number)
-- ARGV: 1 set | remove; of set, 2 … field and value in turns, "" takes the field away
-- Returns: { "done", site, kind, end of the last lease (ms; 0: none) } | { "absent" | "file" | "other" | "busy" (lent, or a call is up on it) }
--- @include now
--- @include lease
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return { 'absent' } end
local number = redis.call('HMGET', KEYS[1], 'by', 'site', 'kind')
if number[1] == 'config' then return { 'file' } end
if number[1] ~= 'api' then return { 'other' } end
if ARGV[1] == 'remove' then
  local now = clock()
  if standing(KEYS[2], now) or redis.call('ZCOUNT', KEYS[4], '(' .. now, '+inf') > 0 then return { 'busy' } end
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
else
  for i = 2, #ARGV, 2 do
    if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  end
end
local last = ARGV[1] == 'set' and lastHolder(KEYS[3], clock())
return { 'done', number[2] or '', number[3] or '', last and string.format('%.0f', last.ends) or '0' }
