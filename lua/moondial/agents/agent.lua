--- One agent: its state, and what follows from a change of it.
---
---   offline ─► ready ─► reserved ─► talking ─► wrapup ─► ready
---                 ◄──► paused ◄───────┘ (asked for, or its telephone is gone)
local moon = require "moondial"
local log = require "moondial.agents.log"
local signal = require "moondial.agents.signal"

local M = {}

---@class Agent
---@field name string
---@field spec table checked options
---@field state "offline"|"ready"|"reserved"|"talking"|"wrapup"|"paused"
---@field reason string? of a pause, or of how it left
---@field since number epoch seconds
---@field call Call? its leg: nailed up, or of the call that it has now
---@field nailed boolean the leg stays open between calls
---@field party Call? whom it talks to, or talked to last
---@field held AgentHold? it is reserved for a lead whose call is not answered yet
---@field talked number seconds of talk since the engine's start
---@field taken integer calls
---@field changed Signal? fired at its next change, when somebody waits for that
local Agent = {}
Agent.__index = Agent

--- Filled by agents.lua: what is to be told of a change, and where it belongs.
M.on_change = function() end
M.group_of = function() end

local WRONG_MAX = 5 -- PINs in a row
local BARRED = 300 -- seconds for which none is taken then

local WORKING = { reserved = true, talking = true, wrapup = true }

--- Also for those that an earlier generation of scripts has made.
function M.adopt(agent)
  return setmetatable(agent, Agent)
end

---@param spec table
---@return Agent
function M.new(spec)
  return M.adopt {
    name = spec.name,
    spec = spec,
    state = "offline",
    since = moon.now(),
    nailed = false,
    talked = 0,
    taken = 0,
  }
end

--- Its next change, for moon.select.
function Agent:change()
  if not self.changed or self.changed:is_over() then
    self.changed = signal.new()
  end
  return self.changed.source
end

function Agent:is_logged_in()
  return self.state ~= "offline"
end

--- Ready means that it can be reached: nailed up, its leg is open.
function Agent:can_take()
  return self.state == "ready" and (self.call ~= nil or not self.spec.nailed_up and self.spec.target ~= nil)
end

---@class AgentHold
---@field agent Agent
---@field lead string? the lead's id, once it is known
---@field begun boolean? its call is begun: who has begun it ends the hold

--- Reserve it for a lead that is to be dialled now: until then no other call is
--- given to it.
---@return AgentHold? hold nil: it is not ready
function Agent:hold()
  if not self:can_take() then
    return nil
  end
  self.held, self.party = { agent = self }, nil
  self:set("reserved")
  return self.held
end

--- The lead has not come to it: it is as before. No change when HOLD is over: it has
--- got the lead, or has left.
---@param hold AgentHold
function Agent:let_go(hold)
  if self.held == hold then
    self.held = nil
    self:end_wrapup()
  end
end

--- Whether PIN is the agent's. Who guesses has few tries, by however many calls.
---@param pin string
---@return boolean
function Agent:is_pin(pin)
  local now = moon.now()
  if self.barred_until and now < self.barred_until then
    return false
  elseif self.spec.pin == pin then
    self.wrong_pins = 0
    return true
  end
  self.wrong_pins = (self.wrong_pins or 0) + 1
  if self.wrong_pins >= WRONG_MAX then
    self.wrong_pins, self.barred_until = 0, now + BARRED
    moon.log.warn("agent %s: %d wrong PINs in a row; none is taken for %d s", self.name, WRONG_MAX, BARRED)
  end
  return false
end

--- Its state as a row; with it what it has said of the last call, once.
function Agent:note()
  local told = self.state ~= "talking" and self.state ~= "reserved" and self.disposition or nil
  local call_id = self.party and WORKING[self.state] and self.party.id or told and self.told_of or nil
  log.note(self.name, self.state, self.reason, call_id, told)
  if told then
    self.disposition, self.told_of = nil, nil
  end
end

--- To STATE, noted and told.
---@param state string
---@param reason string?
---@param fields table? of the event: data, call
function Agent:set(state, reason, fields)
  if state == self.state and reason == self.reason then
    return
  end
  if self.wrapup_timer then
    self.wrapup_timer:cancel()
    self.wrapup_timer = nil
  end
  local was, now = self.state, moon.now()
  local lasted = now - self.since
  self.state, self.reason, self.since = state, reason, now
  if state ~= "reserved" then
    self.held = nil
  end
  if was == "talking" then
    self.talked, self.taken = self.talked + lasted, self.taken + 1
  end
  self:note()
  local event = { agent = self.name, state = state, was = was, reason = reason, at = now }
  if self.party and WORKING[state] then
    event.call = self.party.id
  end
  for key, value in pairs(fields or {}) do
    event[key] = value
  end
  if self.changed then
    self.changed:fire()
    self.changed = nil
  end
  M.on_change(self, event)
end

--- Seconds that it has after a call, in GROUP.
function Agent:wrapup_time(group)
  return self.spec.wrapup or group.spec.wrapup
end

--- The call is over: wrap-up, then what was asked for meanwhile, else ready.
---@param seconds number
function Agent:begin_wrapup(seconds)
  if seconds <= 0 or self.wanted then
    self:end_wrapup()
    return
  end
  self:set("wrapup")
  self.wrapup_until = moon.now() + seconds
  self:time_wrapup()
end

function Agent:time_wrapup()
  self.wrapup_timer = moon.spawn(function()
    moon.sleep(math.max(0, self.wrapup_until - moon.now()))
    self.wrapup_timer = nil
    self:end_wrapup()
  end)
end

function Agent:end_wrapup()
  local wanted = self.wanted or { "ready" }
  self.wanted = nil
  self.party = nil
  self:set(wanted[1], wanted[2])
end

--- What somebody wants of it; while it has a call, after that.
---@param state "ready"|"paused"|"offline"
---@param reason string?
---@return boolean now
function Agent:want(state, reason)
  if self.state == "talking" or self.state == "reserved" then
    self.wanted = state ~= "ready" and { state, reason } or nil
    return false
  end
  self.wanted, self.party = nil, nil
  self:set(state, reason)
  return true
end

--- What the call was about, by the agent's own word.
---@param disposition string
---@return boolean false: it has had no call to tell of
function Agent:dispose(disposition)
  if not self.party or self.state == "reserved" then -- that call is still to come
    return false
  end
  self.disposition, self.told_of = disposition, self.party.id
  self.party.disposition = disposition
  if self.state == "wrapup" then
    self:end_wrapup()
  end
  return true
end

--- Wait until it has told of CALL, or has no more time to.
---@param call Call
function Agent:await_disposition(call)
  while self.party == call and self.state == "wrapup" do
    moon.select { told = self:change(), timeout = 3600 }
  end
end

return M
