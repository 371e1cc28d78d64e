-- Registered contacts of one line. `expiry` says which there are; the other parts follow it.
local function purgeContacts(contacts, expiry, silences, now)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now)) do
    redis.call('HDEL', contacts, key)
    redis.call('HDEL', silences, key)
    redis.call('ZREM', expiry, key)
  end
end

-- Flat list: key, ms until it expires, text (JSON), silences in a row, …
local function listContacts(contacts, expiry, silences, now)
  local out = {}
  local all = redis.call('ZRANGE', expiry, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local text = redis.call('HGET', contacts, all[i])
    if text then
      local silent = redis.call('HGET', silences, all[i]) or '0'
      for _, value in ipairs({ all[i], tonumber(all[i + 1]) - now, text, silent }) do out[#out + 1] = value end
    end
  end
  return out
end
