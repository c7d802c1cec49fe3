--- Telephone numbers as people write them → as they are dialled.
local moon = require "moondial"

local M = {}

---@class Number
---@field number string E.164 when a region was given
---@field type string? mobile, fixed_line, fixed_line_or_mobile, toll_free, premium_rate, …
---@field extension string?

--- With a region: E.164, checked against the numbering plan. Without: what stands
--- between digits is taken out (RFC 3966 5.1.1), nothing else; what a leading 00
--- means is the carrier's matter then.
---@param text string? as in the CSV file
---@param region string? two letters, "US"
---@return Number?
---@return string? reason why it is none
function M.read(text, region)
  if not text or text:match("^%s*$") then
    return nil, "no phone number"
  elseif region then
    return moon.phone.parse(text, region)
  end
  local number, reason = moon.phone.plain(text)
  if not number then
    return nil, reason
  end
  return { number = number }
end

--- Raise unless REGION is nil or one.
---@param region string?
function M.check_region(region)
  if region ~= nil and not (type(region) == "string" and moon.phone.is_region(region)) then
    error({ code = "options", message = ("region '%s' is none: it has two letters, such as US or DE")
      :format(tostring(region)) }, 0)
  end
end

return M
