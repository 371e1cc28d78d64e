-- The phones that are registered for a line now.
-- KEYS: 1 contacts, 2 expiry, 3 silences (all of the line's hash tag)
-- Returns: contacts as `listContacts` has them
--- @include now
--- @include contacts
local now = clock()
purgeContacts(KEYS[1], KEYS[2], KEYS[3], now)
return listContacts(KEYS[1], KEYS[2], KEYS[3], now)
