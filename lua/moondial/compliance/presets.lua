--- What the rules of a region ask of a dialer: starting points for you and your
--- counsel, never a promise. Sources: for the US FTC
--- TSR (16 CFR 310.4), FCC 47 CFR 64.1200 and the statutes of the states named;
--- for the UK Ofcom's statement on persistent misuse.
local M = {}

---@class CompliancePreset
---@field name string "us", "uk", "default"
---@field title string
---@field hours string[]? calling hours at the called place
---@field states table<string, {hours: string[], calls_a_day: integer?}>? stricter ones, by the lead's column `state`
---@field list_days integer? how old an imported do-not-call list may be
---@field ring number seconds that a call must ring at least
---@field connect_within number seconds from the end of the greeting to an agent
---@field abandoned_max number share of calls answered by a person
---@field abandoned_days integer over which that is counted
---@field abandoned_wait number seconds until a call without an agent may follow

--- The same wherever it is not said otherwise.
local common = { ring = 15, connect_within = 2, abandoned_max = 0.03, abandoned_days = 30, abandoned_wait = 72 * 3600 }

local function preset(fields)
  return setmetatable(fields, { __index = common })
end

---@type table<string, CompliancePreset>
M.presets = {
  us = preset {
    title = "US (FTC TSR, FCC 47 CFR 64.1200)",
    hours = { "08:00-21:00" },
    list_days = 31, -- 16 CFR 310.4(b)(3)(iv)
    states = {
      AL = { hours = { "Mon-Sat 08:00-20:00" } },
      LA = { hours = { "Mon-Sat 08:00-20:00" } },
      MD = { hours = { "08:00-20:00" }, calls_a_day = 3 },
      MS = { hours = { "Mon-Sat 08:00-20:00" } },
      RI = { hours = { "09:00-18:00" } },
      TX = { hours = { "Mon-Sat 08:00-21:00", "Sun 12:00-21:00" } },
    },
  },
  -- Ofcom names no hours; it aims at no abandoned calls at all
  uk = preset { title = "UK (Ofcom)" },
  -- what any campaign gets that says nothing of `compliance`
  default = preset { title = "good practice" },
}

local OVERRIDES = { ring = "seconds of ringing", connect_within = "seconds", abandoned_max = "a share: 0.03",
  abandoned_days = "days", abandoned_wait = "seconds" }

local function fail(fmt, ...)
  error({ code = "options", message = "campaign: option 'compliance': " .. fmt:format(...) }, 0)
end

--- What the option `compliance` of a campaign stands for. Raises
--- {code = "options"}.
---@param given string|table|false|nil "us", "uk", { preset = "us", ring = 20, … }; nil: what holds everywhere; false:
---no rules
---@return CompliancePreset|false
function M.resolve(given)
  if given == false then
    return false
  end
  local fields = type(given) == "table" and given or { preset = given }
  local name = fields.preset or "default"
  local base = type(name) == "string" and M.presets[name]
  if not base then
    fail("there is no preset '%s' (there are us, uk; false: no rules)", tostring(name))
  end
  local merged = setmetatable({ name = name }, { __index = base })
  for field, value in pairs(fields) do
    if field ~= "preset" and not OVERRIDES[field] then
      fail("unknown option 'compliance.%s' (there are preset, ring, connect_within, abandoned_max, abandoned_days, "
        .. "abandoned_wait)", tostring(field))
    elseif field ~= "preset" and not (type(value) == "number" and value >= 0 and value < math.huge) then
      fail("'%s' must be a number (%s)", field, OVERRIDES[field])
    elseif field ~= "preset" then
      merged[field] = value
    end
  end
  return merged
end

--- Names of states as people write them in lists → what the presets call them.
local STATE_NAMES = { ALABAMA = "AL", LOUISIANA = "LA", MARYLAND = "MD", MISSISSIPPI = "MS", ["RHODE ISLAND"] = "RI",
  TEXAS = "TX" }

--- The rules of one state, or nil.
---@param compliance CompliancePreset
---@param state string? as the lead's column says it
---@return {hours: string[], calls_a_day: integer?}? rules
---@return string? code
function M.of_state(compliance, state)
  if not compliance.states or type(state) ~= "string" then
    return nil
  end
  local code = state:match("^%s*(.-)%s*$"):upper()
  code = STATE_NAMES[code] or code:match("^US%-(%u%u)$") or code
  return compliance.states[code], code
end

return M
