-- Of an endpoint's configurations the one counts with which a gateway came last, for as long as any works with it. What is heard
-- with a former one says nothing of the endpoint: gateways are updated one after the other.
--   config: hash { fingerprint, at (when a gateway last worked with it), enabled (when the endpoint last was) }; fingerprint '': of
--     whoever counts
local WORKED_WITHIN, NOTED_EACH = 180000, 60000

local function countsFrom(config, fingerprint, now) redis.call('HSET', config, 'fingerprint', fingerprint, 'at', now) end

-- Whether another one counts. `works`: a gateway works with this one at this moment.
local function isSuperseded(config, fingerprint, now, works)
  if fingerprint == '' then return false end
  local stored = redis.call('HMGET', config, 'fingerprint', 'at')
  local at = tonumber(stored[2] or 0)
  if stored[1] and stored[1] ~= fingerprint and at > now - WORKED_WITHIN then return true end
  if works and (stored[1] ~= fingerprint or at < now - NOTED_EACH) then countsFrom(config, fingerprint, now) end
  return false
end
