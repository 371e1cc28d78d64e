-- Queues the event at stream id `id` for `endpoint`; events of one ordering key are delivered one after the other.
local function enqueue(prefix, registry, endpoint, orderingKey, id, now)
  local base = prefix .. endpoint .. ':'
  local length = redis.call('RPUSH', base .. 'todo:' .. orderingKey, id)
  -- A longer list is due or in flight already.
  if length == 1 then redis.call('ZADD', base .. 'due', now, orderingKey) end
  redis.call('ZADD', base .. 'backlog', string.match(id, '^%d+'), id)
  redis.call('ZADD', registry, 'NX', now, endpoint)
end
