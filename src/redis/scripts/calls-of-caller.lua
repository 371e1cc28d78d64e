-- Which of these calls have a number somewhere in their documents: most do not, and need not be read for that.
-- KEYS: 1 … call hashes
-- ARGV: 1 number (E.164)
-- Returns: documents (JSON)
local out = {}
for _, key in ipairs(KEYS) do
  local doc = redis.call('HGET', key, 'doc')
  if doc and string.find(doc, ARGV[1], 1, true) then out[#out + 1] = doc end
end
return out
