--- call:dial: call somebody for a call, and bridge the two.
local moon = require "moondial"

local M = {}

--- Options that are ours; the rest are those of moon.dial.
local OWN = { answer_on_bridge = true, ringback = true, announce = true, talk = true, dtmf = true, hangup = true,
  hangup_other = true }

--- Options of call:bridge.
local BRIDGE = { "dtmf", "hangup", "hangup_other" }

local function fail(message)
  error({ code = "usage", message = "call:dial: " .. message }, 0)
end

--- Split OPTS into what moon.dial and what call:bridge take.
local function split(call, opts)
  local dial, bridge = { caller = call }, {}
  for name, value in pairs(opts) do
    if name == "caller" then
      fail("option 'caller' is the call itself")
    elseif not OWN[name] then
      dial[name] = value
    end
  end
  for _, name in ipairs(BRIDGE) do
    bridge[name] = opts[name]
  end
  bridge.max_duration = opts.talk
  if dial.early_media == nil then
    dial.early_media = opts.ringback == nil
  end
  for _, name in ipairs { "answer_on_bridge", "dtmf", "hangup", "hangup_other" } do
    if opts[name] ~= nil and type(opts[name]) ~= "boolean" then
      fail(("option '%s' must be true or false, got %s"):format(name, type(opts[name])))
    end
  end
  return dial, bridge
end

--- What the caller hears while it rings: its own ringing, by a 180, while it
--- isn't to be answered before; else a tone, or what RINGBACK names.
local function ring_for(call, opts)
  if call.state == "incoming" or call.state == "early" then
    if opts.answer_on_bridge then
      if call.state == "incoming" then
        call:ring()
      end
      return nil
    end
    call:answer()
  end
  if opts.ringback == false then
    return nil
  end
  return call:play_async(opts.ringback or { tone = "ringback" }, { loop = true })
end

--- call:dial(targets[, opts]): ring TARGETS (as moon.dial) for this call, and
--- bridge it with the first that answers. Waits until they have talked.
---@param call Call
---@param targets string|string[]
---@param opts table? of moon.dial and call:bridge (`talk` for its max_duration); answer_on_bridge: the caller is
---answered when the other has; ringback: what plays meanwhile (a prompt, music; false: nothing); early_media: what the
---other's side says before the answer is heard (true without ringback); announce: what the other hears first
---@return table? result {reason, duration, call}; nil: nobody answered
---@return string? reason busy, no_answer, …; caller_hangup
---@return Call? failed the last that was tried
function M.dial(call, targets, opts)
  opts = opts or {}
  local dial, bridge = split(call, opts)
  local music = ring_for(call, opts)
  local other, reason, failed = moon.dial(targets, dial)
  if music then
    music:stop()
  end
  if not other then
    return nil, reason, failed
  end
  if opts.announce then
    local ok, err = pcall(other.play, other, opts.announce)
    if not ok and not (type(err) == "table" and err.code == "hangup") then
      error(err, 0)
    end
  end
  if call.state ~= "answered" and call.state ~= "ended" then
    call:answer()
  end
  local result = call.state == "ended" and { reason = "hangup", duration = 0 } or call:bridge(other, bridge)
  if result.reason == "hangup" and opts.hangup_other ~= false then
    other:hangup()
  end
  result.call = other
  return result
end

return M
