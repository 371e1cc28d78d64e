-- The books of one site's pool: what was asked of it, hour by hour, and how near it is to running dry.
--   pool: sorted set of numbers by when each is free; state: hash { level (ok|low|exhausted), changes }
--   untold: list of changes for the worse that nobody has told yet, "number|level|free|total|ms"
--   hours: prefix of the hash of a day (UTC): <hour>:a visitors who wanted a number, <hour>:r of them without one,
--     <hour>:ms time for which numbers were lent, <hour>:n numbers in the pool, <hour>:p the most of them taken at once
local HOUR, DAY, KEPT, MOST_UNTOLD = 3600000, 86400000, 93 * 86400000, 100
-- What was low has recovered above this part of the share that counts as low.
local RECOVERED = 1.5

local function openPool(pool, hours, now)
  local book = {}
  local day, hour = hours .. math.floor(now / DAY), math.floor(now % DAY / HOUR)

  local function keep()
    if redis.call('PTTL', day) < 0 then redis.call('PEXPIRE', day, KEPT) end
  end

  function book.count(field, by)
    if by == 0 then return end
    redis.call('HINCRBY', day, hour .. ':' .. field, by)
    keep()
  end

  -- Changes for the better are not told. Returns how many changes are still to be told.
  function book.look(state, untold, low, refused)
    local total, free = redis.call('ZCARD', pool), redis.call('ZCOUNT', pool, '-inf', now)
    local peak = redis.call('HGET', day, hour .. ':p')
    redis.call('HSET', day, hour .. ':n', total, hour .. ':p', math.max(tonumber(peak or 0), total - free))
    keep()
    local level = redis.call('HGET', state, 'level') or 'ok'
    if level ~= 'ok' and not refused and free > 0 and free >= math.min(total, RECOVERED * low * total) then
      level = 'ok'
      redis.call('HSET', state, 'level', level)
    end
    -- Where there is no pool, none has run dry; nor has one of which numbers are left that nobody has tried.
    local dry = refused and free == 0
    local worse = total > 0 and (dry and 'exhausted' or free < low * total and level == 'ok' and 'low')
    if worse and worse ~= level then
      local change = redis.call('HINCRBY', state, 'changes', 1)
      redis.call('HSET', state, 'level', worse)
      redis.call('RPUSH', untold, table.concat({ change, worse, free, total, now }, '|'))
      redis.call('LTRIM', untold, -MOST_UNTOLD, -1)
    end
    if redis.call('PTTL', state) < HOUR then redis.call('PEXPIRE', state, KEPT) end
    return redis.call('LLEN', untold)
  end

  return book
end

-- A session's own number: "<number> <lease id> <end of the lease>"; "-" marks one that went without.
local function readOwn(key)
  local number, lease, ends = string.match(redis.call('GET', key) or '', '^(%S+) (%S+) (%d+)$')
  return number, lease, tonumber(ends or 0)
end

local function writeOwn(key, number, lease, ends, freeAt, now)
  local text = string.format('%s %s %.0f', number, lease, ends)
  redis.call('SET', key, text, 'PX', math.max(1, freeAt - now))
end
