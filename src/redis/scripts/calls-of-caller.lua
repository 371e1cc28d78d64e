-- Which of these calls are a caller's, by their documents.
-- KEYS: 1 … call hashes
-- ARGV: 1 his number (E.164)
-- Returns: keys of his calls
local out = {}
for _, key in ipairs(KEYS) do
  local doc = redis.call('HGET', key, 'doc')
  -- Most are not his, and need not be read for that.
  if doc and string.find(doc, ARGV[1], 1, true) then
    local ok, call = pcall(cjson.decode, doc)
    local caller = ok and type(call) == 'table' and call.caller
    if type(caller) == 'table' and caller.number == ARGV[1] then out[#out + 1] = key end
  end
end
return out
