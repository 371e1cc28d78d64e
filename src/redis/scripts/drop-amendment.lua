-- KEYS: 1 calls with waiting amendments, 2 the call's waiting amendments (both of hash tag {calls})
-- ARGV: 1 call id, 2 amendment (JSON)
-- Returns: 1
--- @include amendments
dropAmendment(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return 1
