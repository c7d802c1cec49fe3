--- Who has answered a campaign's call, and what is done then: with a machine,
--- a fax, with nobody. Persons, and whoever may be one, get the flow.
local moon = require "moondial"

local M = {}

--- What becomes of a call that a recording of the network has answered
--- (DIALING.md): these tones say why it can't be reached.
local UNREACHED = {
  sit_intercept = "invalid",
  sit_vacant = "invalid",
  sit_reorder = "congestion",
  sit_no_circuit = "congestion",
}

local ACTIONS = { leave_message = true, hangup = true, continue = true }
local WAIT = { silence = true, timeout = true, restarts = true }

--- Options of `machine` that are no settings of the detector.
local OWN = { action = true, message = true, wait = true, on_fax = true, on_silence = true, screening = true }

---@class MachineOptions
---@field action "leave_message"|"hangup"|"continue" with a machine
---@field message moon.Prompt? what is left; nil: the flow speaks after the beep
---@field wait {silence: number?, timeout: number?, restarts: integer?} of call:leave_message
---@field on_fax "hangup"|"continue"
---@field on_silence "hangup"|"continue"
---@field screening (fun(call: moon.Call, found: moon.Detection): moon.DetectKind?)? may say another kind
---@field settings moon.DetectSettings

local function one_of(value, fallback, name, fail)
  if value ~= nil and value ~= "hangup" and value ~= "continue" then
    fail("option 'machine.%s' must be \"hangup\" or \"continue\"", name)
  end
  return value or fallback
end

local function check_wait(wait, fail)
  for name, value in pairs(wait) do
    if not WAIT[name] or type(value) ~= "number" or value < 0 then
      fail("option 'machine.wait' is { silence = seconds, timeout = seconds, restarts = number }")
    end
  end
  return wait
end

--- Settings of the detector: what GIVEN says besides. They are those of
--- call:detect_machine, and so is the check.
local function settings_of(given, fail)
  local settings = {}
  for name, value in pairs(given) do
    if not OWN[name] then
      settings[name] = value
    end
  end
  local keep = settings.keep
  if keep ~= nil and type(keep) ~= "string" then
    fail("option 'machine.keep' must be the name of a file")
  end
  local ok, err = pcall(moon.detect_settings, settings)
  if not ok then
    local why = type(err) == "table" and err.message or tostring(err)
    fail("option 'machine': %s", (why:gsub("^.-moon%.detect_settings: ", "")))
  end
  return settings
end

--- Check the campaign's option `machine`.
---@param given string|table
---@param fail fun(fmt: string, ...) raises
---@return MachineOptions
function M.options(given, fail)
  given = type(given) == "string" and { action = given } or given
  local action = given.action or given.message and "leave_message" or "continue"
  if not ACTIONS[action] then
    fail("option 'machine' must be \"leave_message\", \"hangup\", \"continue\", or a table with one of these as action")
  elseif given.message ~= nil and action ~= "leave_message" then
    fail("option 'machine.message' is for action = \"leave_message\"")
  elseif given.screening ~= nil and type(given.screening) ~= "function" then
    fail("option 'machine.screening' must be a function(call, found)")
  elseif given.wait ~= nil and type(given.wait) ~= "table" then
    fail("option 'machine.wait' must be a table")
  end
  return {
    action = action,
    message = given.message,
    wait = check_wait(given.wait or {}, fail),
    on_fax = one_of(given.on_fax, "hangup", "on_fax", fail),
    on_silence = one_of(given.on_silence, "continue", "on_silence", fail),
    screening = given.screening,
    settings = settings_of(given, fail),
  }
end

--- Who is it? Waits for the verdict, which the dial has begun to seek, and asks
--- the script, which may know better.
---@param call moon.Call
---@param machine MachineOptions
---@return moon.Detection
function M.judge(call, machine)
  local found = call:detect_machine()
  if machine.screening then
    local kind = machine.screening(call, found)
    if kind ~= nil and kind ~= found.kind then
      call.detection = kind
      found = call.detection
    end
  end
  return found
end

local function leave_message(call, machine)
  local left = call:leave_message(machine.message, machine.wait)
  if not left then
    return "machine" -- it has neither beeped nor stopped
  elseif machine.message == nil then
    return nil -- the flow is the message
  end
  return "message_left"
end

--- Do what is to be done with it.
---@param call moon.Call
---@param machine MachineOptions
---@param found moon.Detection
---@return string? disposition nil: the flow goes on
function M.act(call, machine, found)
  local kind = found.kind
  if UNREACHED[found.cause] then
    return UNREACHED[found.cause]
  elseif kind == "fax" and machine.on_fax == "hangup" or kind == "silence" and machine.on_silence == "hangup" then
    return kind
  elseif kind ~= "machine" or machine.action == "continue" then
    return nil
  elseif machine.action == "hangup" then
    return "machine"
  end
  return leave_message(call, machine)
end

return M
