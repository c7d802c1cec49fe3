--- Telephone numbers as people write them → as they are dialled.
local M = {}

local MIN_DIGITS, MAX_DIGITS = 2, 15 -- E.164: at most 15

--- Take the visual separators out of a number (RFC 3966 5.1.1: space - . ( ) /).
--- A leading + is kept, a leading 00 too: what it means is the carrier's matter.
---@param text string? as in the CSV file
---@return string? number digits, perhaps with a leading +
---@return string? reason why it is none
function M.normalize(text)
  if not text or text:match("^%s*$") then
    return nil, "no phone number"
  end
  local number = text:gsub("[%s%-%.%(%)/]", "")
  local digits = number:match("^%+?(%d+)$")
  if not digits then
    return nil, ("'%s' is not a phone number"):format(text)
  elseif #digits < MIN_DIGITS then
    return nil, ("'%s' is too short for a phone number"):format(text)
  elseif #digits > MAX_DIGITS then
    return nil, ("'%s' has %d digits, a phone number at most %d"):format(text, #digits, MAX_DIGITS)
  end
  return number
end

return M
