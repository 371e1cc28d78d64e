-- The books of one limit: traffic carried, peak of each minute, and how near the limit it is. Used by every script
-- that changes or looks at a channel's set, since each of them knows what is in use at that moment.
--   set: tokens in use; state: hash { at, limit (-1: none), high (share), level (ok|high|exhausted), changes }
--   untold: list of changes of level that are still to be told, "number|level|in use|limit|ms"
--   days: prefix of the keys of a day (UTC): <days>peaks:<day>, 1440 numbers of 24 bits; <days>hours:<day>, hash
--     <hour>:a attempts, <hour>:r refused, <hour>:ms carried, <hour>:l limit
local HOUR, DAY, KEPT, MOST_UNTOLD = 3600000, 86400000, 93 * 86400000, 100
-- What was near its limit has recovered below this part of the share that counts as high.
local RECOVERED = 0.7

local function openLedger(set, state, untold, days, now)
  local stored = redis.call('HMGET', state, 'at', 'limit', 'high', 'level')
  local book = { limit = tonumber(stored[2] or -1), high = tonumber(stored[3] or 1), level = stored[4] or 'ok' }
  local formerHigh = book.high
  book.former = book.limit

  local function keep(key)
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, KEPT) end
  end

  local function hoursOf(at) return days .. 'hours:' .. math.floor(at / DAY), math.floor(at % DAY / HOUR) end

  function book.count(field, by, at)
    local key, hour = hoursOf(at or now)
    local sum = redis.call('HINCRBY', key, hour .. ':' .. field, by)
    if sum == by then keep(key) end
    return sum
  end

  -- Channel time since the last look, each hour its own; what freed itself meanwhile counts until then.
  local function carry(inUse, gone)
    if inUse == 0 and #gone == 0 then return end
    local from = math.max(tonumber(stored[1] or now), now - HOUR)
    while from < now do
      local to = math.min(now, (math.floor(from / HOUR) + 1) * HOUR)
      local ms = inUse * (to - from)
      for i = 2, #gone, 2 do ms = ms + math.max(0, math.min(to, tonumber(gone[i])) - from) end
      if ms > 0 then book.count('ms', ms, from) end
      from = to
    end
  end

  -- Drops what has freed itself; returns the channels in use.
  function book.settle()
    local gone = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'WITHSCORES')
    if #gone > 0 then redis.call('ZREMRANGEBYSCORE', set, '-inf', now) end
    local inUse = redis.call('ZCARD', set)
    carry(inUse, gone)
    return inUse
  end

  local function raise(inUse, at)
    local key, minute = days .. 'peaks:' .. math.floor(at / DAY), '#' .. math.floor(at % DAY / 60000)
    if redis.call('BITFIELD', key, 'GET', 'u24', minute)[1] >= inUse then return end
    redis.call('BITFIELD', key, 'SET', 'u24', minute, inUse)
    keep(key)
  end

  -- `inUse` channels are held now, `before` of them (what settle() returned) since the last look.
  function book.peak(inUse, before)
    if inUse > 0 then raise(inUse, now) end
    local last = tonumber(stored[1] or now)
    if before > 0 and math.floor(last / 60000) < math.floor(now / 60000) and now - last < HOUR then raise(before, last) end
  end

  -- The set stays for as long as any of its tokens. Twice that, so that not every call has to see to it.
  function book.outlive(ttl)
    if redis.call('PTTL', set) < ttl then redis.call('PEXPIRE', set, 2 * ttl) end
  end

  local function noteLimit()
    local key, hour = hoursOf(now)
    redis.call('HSET', key, hour .. ':l', book.limit)
    keep(key)
  end

  function book.rules(limit, high)
    local changed = limit ~= book.limit
    book.former, book.limit, book.high = book.limit, limit, high
    if changed then noteLimit() end
  end

  function book.attempt()
    if book.count('a', 1) == 1 then noteLimit() end
  end

  local function levelAt(inUse, refused)
    local limit = book.limit
    -- No limit, or closed on purpose.
    if limit < 1 then return 'ok' end
    -- A phone in a talk is in use and not short of channels: one channel is exhausted when somebody was refused.
    if refused or limit > 1 and inUse >= limit then return 'exhausted' end
    if book.level == 'ok' then return limit > 1 and inUse >= book.high * limit and 'high' or 'ok' end
    return inUse < RECOVERED * book.high * limit and 'ok' or book.level
  end

  -- The last thing of a script. Returns how many changes of level are still to be told.
  function book.close(inUse, refused)
    local level = levelAt(inUse, refused)
    if level ~= book.level then
      local change = redis.call('HINCRBY', state, 'changes', 1)
      local limit = math.max(0, book.limit < 0 and book.former or book.limit)
      redis.call('RPUSH', untold, table.concat({ change, level, inUse, limit, now }, '|'))
      redis.call('LTRIM', untold, -MOST_UNTOLD, -1)
    end
    if not stored[1] then
      redis.call('HSET', state, 'at', now, 'limit', book.limit, 'high', book.high, 'level', level)
      redis.call('PEXPIRE', state, KEPT)
    elseif level ~= book.level or book.limit ~= book.former or book.high ~= formerHigh then
      redis.call('HSET', state, 'at', now, 'limit', book.limit, 'high', book.high, 'level', level)
    else
      redis.call('HSET', state, 'at', now)
    end
    return redis.call('LLEN', untold)
  end

  return book
end
