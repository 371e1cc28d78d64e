-- An operational event made by a script, so that it stands or falls with the change it tells of. Needs `enqueue`.
-- told: { id, type, timestamp (ISO 8601), endpoints }
local function tell(events, registry, prefix, told, data, subject, now)
  local body = cjson.encode({ id = told.id, type = told.type, timestamp = told.timestamp, data = data })
  local key = 'about:' .. subject
  local at = redis.call('XADD', events, '*', 'id', told.id, 'type', told.type, 'at', told.timestamp, 'call', '', 'about', key, 'body', body)
  for _, endpoint in ipairs(told.endpoints) do enqueue(prefix, registry, endpoint, key, at, now) end
end
