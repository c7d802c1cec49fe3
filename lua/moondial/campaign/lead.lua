--- A lead as the flow sees it: the columns of its row by their names, and
---
---   phone     its first number        number    the one that was called
---   id, attempt, list, number_type    from      the caller id it is shown
---   zones     IANA names              agent     who calls back
local moon = require "moondial"
local zone = require "moondial.leads.zone"

local M = {}

---@class LeadCallback
---@field at number seconds
---@field agent string?
---@field reason string

--- What flows have arranged, by lead.
---@type table<Lead, LeadCallback>
local wanted = setmetatable({}, { __mode = "k" })

--- All numbers of leads, comma-separated.
---@type table<Lead, string>
local numbers = setmetatable({}, { __mode = "k" })

---@class Lead
---@field phone string
---@field number string
---@field id string
---@field campaign string
---@field attempt integer
---@field zones string[]
local Lead = {}
Lead.__index = Lead

local function usage(fmt, ...)
  error({ code = "usage", message = "lead:callback: " .. fmt:format(...) }, 0)
end

--- Never call this lead again: all of its numbers go to the internal list, which holds
--- in every campaign, and the attempt's disposition is dnc, whatever the flow returns.
--- It needs no call: also when that has ended. Waits; durable when it returns.
---@param reason string? for `moondial dnc check`
---@return true
function Lead:dnc(reason)
  if reason ~= nil and type(reason) ~= "string" then
    error({ code = "usage", message = "lead:dnc: the reason must be a text" }, 0)
  end
  require("moondial.compliance.dnc").never_again(self, numbers[self] or self.phone, reason)
  return true
end

--- Call this lead again at a time, whatever its disposition: it counts as asked
--- for, so that no rule of retries holds.
---@param options {at: number|string, agent: string?} at: seconds since the epoch; "15:00", "2026-11-28 15:00", in the
---lead's zone; "30m", "2h", "3d" from now. agent: who shall call back; nil: anyone
---@return number at seconds since the epoch
function Lead:callback(options)
  if type(options) ~= "table" then
    usage("expected a table: lead:callback{ at = \"15:00\" }")
  end
  for name in pairs(options) do
    if name ~= "at" and name ~= "agent" then
      usage("unknown option '%s'; there are: at, agent", tostring(name))
    end
  end
  if options.agent ~= nil and (type(options.agent) ~= "string" or options.agent == "") then
    usage("option 'agent' must be the name of an agent")
  end
  local at, reason = zone.moment(options.at, self.zones[1], moon.now())
  if not at then
    usage("%s", reason)
  end
  wanted[self] = { at = at, agent = options.agent, reason = M.callback_reason(options.agent) }
  return at
end

--- One sentence: why it isn't being called now, and when it will be. Waits.
---@return string
function Lead:explain()
  return require("moondial.campaign.why").of_id(self.id)
end

--- Why a lead waits that has asked for it.
---@param agent string?
function M.callback_reason(agent)
  return agent and ("a callback by %s"):format(agent) or "a callback"
end

--- The callback that the flow has arranged, or nil.
---@param lead Lead
---@return LeadCallback?
function M.wanted(lead)
  return wanted[lead]
end

--- The columns of its row are texts of the file; what is the engine's wins.
---@param row table of lead_claim; `number` and `from` as moondial.campaign.gates has chosen them
---@param attempt integer
---@return Lead
function M.new(row, attempt)
  local lead = {}
  for name, value in pairs(moon.json.decode(row.fields_json or "{}")) do
    lead[name] = value
  end
  for name in pairs(Lead) do
    lead[name] = nil
  end
  lead.phone, lead.id, lead.attempt = row.phone, row.id, attempt
  lead.number = row.number or row.phone
  lead.campaign, lead.list, lead.number_type = row.campaign, row.list, row.number_type
  lead.zones, lead.from, lead.agent = zone.split(row.zones), row.from, row.agent
  numbers[lead] = row.phone .. "," .. (row.numbers or "")
  return setmetatable(lead, Lead)
end

return M
