-- An amendment is done, or will never be.
local function dropAmendment(calls, list, id, amendment)
  redis.call('LREM', list, 0, amendment)
  if redis.call('EXISTS', list) == 0 then redis.call('SREM', calls, id) end
end
