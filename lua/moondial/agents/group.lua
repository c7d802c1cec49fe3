--- A group of agents, and who waits for one of them.
local moon = require "moondial"
local strategy = require "moondial.agents.strategy"

local M = {}

local RING_MAX = 16 -- at once: what moon.dial takes

---@class Group
---@field name string
---@field spec table checked options
---@field agents Agent[]
---@field waiting Ticket[] whose turn it is first
---@field last string? whom the last call went to
local Group = {}
Group.__index = Group

---@class Ticket
---@field call Call
---@field priority number
---@field since number epoch seconds: waits since then
---@field skills table<string, number>?
---@field agent string? this one alone
---@field lead string? the id of a campaign's lead: for it an agent may be held
---@field offer Agent[]? reserved for it
---@field signal Signal fired with the offer

function M.adopt(group)
  return setmetatable(group, Group)
end

---@param spec table
---@return Group
function M.new(spec)
  return M.adopt { name = spec.name, spec = spec, agents = {}, waiting = {} }
end

--- Who is there: { name, state, since, held }, since in epoch seconds; held: reserved
--- for a lead that is being dialled.
---@return table[]
function Group:snapshot()
  local list = {}
  for i, agent in ipairs(self.agents) do
    list[i] = { name = agent.name, state = agent.state, since = agent.since, held = agent.held }
  end
  return list
end

--- How many of those who are there are in the group OTHER, too.
---@param other string
---@return integer
function Group:shared_with(other)
  local count = 0
  for _, agent in ipairs(self.agents) do
    if agent.spec.groups[other] and agent.state ~= "offline" and agent.state ~= "paused" then
      count = count + 1
    end
  end
  return count
end

--- Whether anybody is there who could be free at some time.
---@param name string? this one
function Group:is_manned(name)
  for _, agent in ipairs(self.agents) do
    if agent.state ~= "offline" and agent.state ~= "paused" and (not name or agent.name == name) then
      return true
    end
  end
  return false
end

---@param ticket Ticket
function Group:enter(ticket)
  local at = #self.waiting + 1
  while at > 1 do
    local before = self.waiting[at - 1]
    if before.priority > ticket.priority
      or before.priority == ticket.priority and before.since <= ticket.since then
      break
    end
    at = at - 1
  end
  table.insert(self.waiting, at, ticket)
  self:dispatch()
end

--- It waits no more.
function Group:leave(ticket)
  for i, other in ipairs(self.waiting) do
    if other == ticket then
      table.remove(self.waiting, i)
      return
    end
  end
end

--- Place in the queue, from 1; nil: it does not wait.
function Group:position(ticket)
  for i, other in ipairs(self.waiting) do
    if other == ticket then
      return i
    end
  end
  return nil
end

--- Those who could take a call now, as the strategy sees them, by name.
function Group:candidates()
  local ready = {}
  for _, agent in ipairs(self.agents) do
    if agent:can_take() or agent.held then
      ready[agent.name] = { name = agent.name, tier = agent.spec.groups[self.name], since = agent.since,
        talked = agent.talked, skills = agent.spec.skills, held = agent.held, agent = agent }
    end
  end
  return ready
end

--- Of those READY who may have TICKET: whoever is held for its lead alone.
local function those_for(ticket, ready)
  local list = {}
  for name, candidate in pairs(ready) do
    local held = candidate.held
    if held and held.lead == ticket.lead and ticket.lead then
      return { candidate }
    elseif not held and (not ticket.agent or ticket.agent == name) then
      list[#list + 1] = candidate
    end
  end
  return list
end

--- Hold one for a lead that is to be dialled, as the strategy chooses among those who
--- are ready.
---@param skills table<string, number>? that it must have
---@return AgentHold? hold nil: nobody is ready
function Group:hold(skills)
  local first = strategy.order(self.spec.strategy, those_for({}, self:candidates()), skills, self.last)[1]
  if first then
    self.last = first.name
    return first.agent:hold()
  end
  return nil
end

--- Reserve for TICKET whoever of those READY is to be asked, and take them out of
--- it. False: nobody fits.
function Group:offer(ticket, ready)
  local order = strategy.order(self.spec.strategy, those_for(ticket, ready), ticket.skills, self.last)
  if #order == 0 then
    return false
  end
  ticket.offer = {}
  for i = 1, self.spec.strategy == "ring_all" and math.min(#order, RING_MAX) or 1 do
    local agent = order[i].agent
    ticket.offer[i] = agent
    agent.party, agent.held = ticket.call, nil
    ready[agent.name] = nil
  end
  self.last = order[1].name
  for _, agent in ipairs(ticket.offer) do
    agent:set("reserved")
  end
  return true
end

--- Give those who wait those who are ready. A ticket that nobody fits lets the
--- next one pass.
function Group:dispatch()
  local ready, i = #self.waiting > 0 and self:candidates() or {}, 1
  while i <= #self.waiting and next(ready) do
    local ticket = self.waiting[i]
    if self:offer(ticket, ready) then
      self:leave(ticket)
      ticket.signal:fire()
    else
      i = i + 1
    end
  end
end

--- For status: how many wait, and the longest of them.
function Group:queue()
  local longest = 0
  for _, ticket in ipairs(self.waiting) do
    longest = math.max(longest, moon.now() - ticket.since)
  end
  return #self.waiting, longest
end

return M
