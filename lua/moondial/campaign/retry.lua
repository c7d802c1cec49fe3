--- What becomes of a lead after an attempt: again later, or done.
---
---   retry = {
---     max_attempts = 4,                     over all causes together
---     busy = 600,                           always so many seconds
---     no_answer = { "exponential", base = 1800, max = 86400 },   1800, 3600, 7200 …
---     congestion = { "linear", base = 300 },                     300, 600, 900 …
---     machine = "next_part_of_day",         morning, afternoon, evening in the lead's zone
---     hung_up = false,                      never
---   }
local zone = require "moondial.leads.zone"

local M = {}

--- Seconds to the next attempt, by disposition, where a campaign says nothing.
--- Dispositions that are not named are final.
M.defaults = { busy = 600, no_answer = 7200, congestion = 300, blocked = 3600, abandoned = 259200 }
M.default_attempts = 3

local MAX_DELAY = 30 * 86400 -- where a rule that grows has no `max`

--- Dispositions that are about the number, not about the lead: another number
--- of the lead may be right.
M.of_the_number = { invalid = true }

M.rule_text = 'seconds, { "linear" or "exponential", base = seconds, max = seconds }, "next_part_of_day", '
  .. "or false for never"

local function is_delay(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

--- Whether RULE is one, for the check of a campaign's options.
function M.is_rule(rule)
  if type(rule) ~= "table" then
    return rule == false or rule == "next_part_of_day" or is_delay(rule)
  end
  for name in pairs(rule) do
    if name ~= 1 and name ~= "base" and name ~= "max" then
      return false
    end
  end
  return (rule[1] == "fixed" or rule[1] == "linear" or rule[1] == "exponential") and is_delay(rule.base)
    and (rule.max == nil or is_delay(rule.max))
end

--- Seconds after the COUNTth attempt by a rule that is a table.
local function delay_of(rule, count)
  local delay = rule.base
  if rule[1] == "linear" then
    delay = rule.base * count
  elseif rule[1] == "exponential" then
    delay = rule.base * 2 ^ (count - 1)
  end
  return math.min(delay, rule.max or MAX_DELAY)
end

---@class RetryLead
---@field attempts integer made so far, this one included
---@field forgiven integer? made before it was recycled
---@field zone string? whose clock its parts of a day go by

--- One counter for each lead across all causes: `max_attempts` bounds them all.
---@param retry table<string, any> rules by disposition, and max_attempts
---@param disposition string of the attempt
---@param lead RetryLead
---@param now number seconds
---@return "scheduled"|"done" state
---@return number next_at seconds; 0 when done
---@return string? reason why it waits
function M.decide(retry, disposition, lead, now)
  local rule = retry[disposition]
  local made = lead.attempts - (lead.forgiven or 0)
  if not rule or made >= retry.max_attempts then
    return "done", 0
  end
  local reason = "a retry after " .. disposition
  if rule == "next_part_of_day" then
    local at, part = zone.next_part(lead.zone, now)
    return "scheduled", at, ("%s, in the %s"):format(reason, part)
  end
  return "scheduled", now + (type(rule) == "table" and delay_of(rule, math.max(1, made)) or rule), reason
end

--- The numbers that are left to be tried, the next one first: the one that was
--- called goes to the end, or away when nobody has it.
---@param numbers string? comma-separated; nil: there is one only
---@param called string the number that was called
---@param disposition string
---@return string? numbers nil: one only, or none
---@return boolean another whether there is one that hasn't the fault of this
function M.turn_numbers(numbers, called, disposition)
  if not numbers then
    return nil, false
  end
  local left = {}
  for number in numbers:gmatch("[^,]+") do
    if number ~= called then
      left[#left + 1] = number
    end
  end
  local another = #left > 0
  if not M.of_the_number[disposition] then
    left[#left + 1] = called
  end
  return #left > 0 and table.concat(left, ",") or nil, another
end

return M
