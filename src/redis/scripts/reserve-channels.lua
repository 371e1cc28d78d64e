-- Takes one channel of each of several limits, or none of any where one of them is full; idempotent by token.
-- KEYS: for each limit: its sorted set of channels (token, score: when it frees itself, ms of the server's clock), its state,
--       its untold changes
-- ARGV: 1 time to live (ms), 2 share of a limit that counts as high, then for each limit: prefix of its days, token,
--       limit, -1 for none
-- Returns: for each limit: { 1 had room | 0 full, channels in use after this, changes of level still to be told }
--- @include now
--- @include ledger
local ttl, high = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()

local function look(i)
  local set, state, untold = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  local days, token, limit = ARGV[3 * i], ARGV[3 * i + 1], tonumber(ARGV[3 * i + 2])
  local book = openLedger(set, state, untold, days, now)
  local before = book.settle()
  book.rules(limit, high)
  local full = limit >= 0 and before >= limit and not redis.call('ZSCORE', set, token)
  return { set = set, token = token, book = book, before = before, full = full }
end

local function take(one)
  local book, inUse = one.book, one.before
  if redis.call('ZADD', one.set, now + ttl, one.token) == 1 then
    book.attempt()
    inUse = inUse + 1
  end
  book.outlive(ttl)
  book.peak(inUse, one.before)
  return { 1, inUse, book.close(inUse, false) }
end

local function refuse(one)
  local book, before = one.book, one.before
  book.peak(before, before)
  book.attempt()
  book.count('r', 1)
  return { 0, before, book.close(before, true) }
end

-- Another one refused the call: it was no attempt at this one.
local function spare(one)
  one.book.peak(one.before, one.before)
  return { 1, one.before, one.book.close(one.before, false) }
end

local all, anyFull = {}, false
for i = 1, #KEYS / 3 do
  all[i] = look(i)
  anyFull = anyFull or all[i].full
end
local out = {}
for i, one in ipairs(all) do out[i] = (one.full and refuse or anyFull and spare or take)(one) end
return out
