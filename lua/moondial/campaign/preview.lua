--- Leads that an agent sees before they are called (mode preview), or names
--- (manual): offered, then accepted or skipped.
---
---   next ─► offered ─► dial ─► accepted ─► called by the campaign's run
---              └─► skip, or nobody says anything for long: back
---
--- An agent has one offer at a time. From dial on it is held for the lead: no other
--- call is given to it.
local moon = require "moondial"
local signal = require "moondial.agents.signal"
local store = require "moondial.campaign.store"

local M = {}

--- Pacing modes in which agents choose whom to call.
M.modes = { preview = true, manual = true }

local PATIENCE = 300 -- seconds that a lead is held for an agent who says nothing
local DIALLED_IN = 30 -- seconds for which an agent waits until there is a channel for the lead it has accepted
local AT_ONCE = 20 -- leads that are looked at for one that may be called
local LOOKS = 50 -- so often at most, for one that an agent is to see
local SKIPPED = 900 -- seconds until a lead that was skipped may be offered again

---@class Preview
---@field name string of the campaign
---@field sift fun(rows: table[]): table?, string?, boolean? of claimed leads the first that may be called now, the
---others are put back; why these may not; whether nobody may be called just now
---@field offers table<string, Offer> by the lead's id
---@field accepted Offer[] to be called, the first first
---@field looking table<string, Signal> by agents for whom a lead is looked for now
local Preview = {}
Preview.__index = Preview

---@class Offer
---@field row table of lead_claim
---@field agent string?
---@field at number seconds
---@field hold AgentHold? of the agent who is to talk to it

local function fail(code, fmt, ...)
  error({ code = code, message = fmt:format(...) }, 0)
end

---@param name string of the campaign
---@param sift fun(rows: table[]): table?, string?, boolean?
---@return Preview
function M.new(name, sift)
  return setmetatable({ name = name, sift = sift, offers = {}, accepted = {}, looking = {} }, Preview)
end

--- The next lead, held for AGENT; the same again until it is accepted or skipped, also
--- for who asks twice at once. Waits.
---@param agent string?
---@return table? row nil: no lead is due
---@return string? why those that are due may not be called now
function Preview:next(agent)
  local who = agent or ""
  while self.looking[who] do
    moon.select { found = self.looking[who].source }
  end
  for _, offer in pairs(self.offers) do
    if offer.agent == agent then
      offer.at = moon.now()
      return offer.row
    end
  end
  local looking <close> = signal.new()
  local _ <close> = setmetatable({}, { __close = function() self.looking[who] = nil end })
  self.looking[who] = looking
  local row, why, hold
  for _ = 1, LOOKS do -- those that may not be called now are put off
    local claimed = store.claim(self.name, AT_ONCE)
    if #claimed == 0 then
      break
    end
    row, why, hold = self.sift(claimed)
    if row or hold then
      break
    end
  end
  if row then
    self.offers[row.id] = { row = row, agent = agent, at = moon.now() }
  end
  return row, why
end

local function find(self, what)
  if self.offers[what] then
    return self.offers[what]
  end
  for _, offer in pairs(self.offers) do
    if offer.row.phone == what then
      return offer
    end
  end
end

--- To whom the lead WHAT (id or number) is offered.
---@param what string
---@return string? agent
function Preview:agent_of(what)
  local offer = find(self, what)
  return offer and offer.agent
end

--- Call the lead WHAT (id or number), offered or not, for AGENT. Waits. Raises
--- {code = "unknown"} when there is no such lead, {code = "state"} when it may not be
--- called now.
---@param what string
---@param agent string?
---@param hold AgentHold? of who is to talk to it; ended by who takes the lead
---@return table row
function Preview:accept(what, agent, hold)
  local offer = find(self, what)
  if offer then
    self.offers[offer.row.id] = nil
  else
    local row = store.take(self.name, what)
    if not row then
      fail("unknown", "campaign %s has no lead '%s' that may be called now", self.name, what)
    end
    offer = { row = row }
  end
  if hold then
    hold.lead = offer.row.id
  end
  local pass, why = self.sift { offer.row }
  if not pass then
    fail("state", "the lead %s can't be called now: %s", offer.row.phone, why)
  end
  offer.agent, offer.at, offer.hold = agent or offer.agent, moon.now(), hold
  table.insert(self.accepted, offer)
  return offer.row
end

--- Not now: it is offered again in SECONDS (900). Waits.
---@param what string id or number
---@param seconds number?
---@return table row
function Preview:skip(what, seconds)
  local offer = find(self, what)
  if not offer then
    fail("unknown", "the lead '%s' is not offered to anybody", what)
  end
  self.offers[offer.row.id] = nil
  store.put_back { { id = offer.row.id, verdict = "later", at = moon.now() + (seconds or SKIPPED),
    reason = "an agent has skipped it" } }
  return offer.row
end

--- What was accepted SECONDS ago and is not called goes back: its agent is ready
--- again.
local function take_back(self, seconds, held)
  for i = #self.accepted, 1, -1 do
    local offer = self.accepted[i]
    if moon.now() - offer.at >= seconds then
      table.remove(self.accepted, i)
      held[#held + 1] = { id = offer.row.id, verdict = "release" }
      if offer.hold then
        offer.hold.agent:let_go(offer.hold)
      end
    end
  end
end

--- What was accepted is not called: the campaign is paused. Waits, if there is any.
function Preview:drop()
  local held = {}
  take_back(self, 0, held)
  if held[1] then
    store.put_back(held)
  end
end

--- Put back what is held for nobody any more: who holds it has said nothing for
--- long, or there is no channel for it. Waits, if there is any.
---@param now number
function Preview:tidy_up(now)
  local held = {}
  take_back(self, DIALLED_IN, held)
  for id, offer in pairs(self.offers) do
    if now - offer.at > PATIENCE then
      self.offers[id] = nil
      held[#held + 1] = { id = id, verdict = "release" }
    end
  end
  if held[1] then
    store.put_back(held)
  end
end

--- Up to COUNT accepted leads, out of the queue.
---@param count integer
---@return Offer[]
function Preview:take(count)
  local taken = {}
  for i = 1, math.min(count, #self.accepted) do
    taken[i] = table.remove(self.accepted, 1)
  end
  return taken
end

return M
