-- The server's clock in ms: gateways' clocks differ, and what expires must do so for all of them at once.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
