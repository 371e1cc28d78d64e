-- Whether a site is among those of a JSON list; "" stands for all.
local function readSites(text)
  if text == '' then return function() return true end end
  local sites = {}
  for _, site in ipairs(cjson.decode(text)) do sites[site] = true end
  return function(site) return sites[site] end
end
