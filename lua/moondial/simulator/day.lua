--- A day on a sales floor in virtual time: callees, agents, and the pacer that
--- campaigns run with, which can't tell the difference.
---
--- It is one day for the counts of abandonment, however many hours it has.
--- The world is drawn at random from a seed (`model`); the pacer sees of it what a
--- campaign sees, and is told what has become of each call when a campaign would
--- know it. A person who has no agent WITHIN seconds after the verdict of the
--- detection is abandoned (DIALING.md, Presets).
local agendas = require "moondial.simulator.agenda"
local pacing = require "moondial.campaign.pacing"
local randoms = require "moondial.simulator.random"

local M = {}

local TICK = 1 -- seconds between two looks of the pacer, the most that DIALING.md allows
local BEGIN = 9 * 3600 -- the day's first second
local MESSAGE = 10 -- seconds of the message to who is abandoned
local SAMPLE = 60 -- seconds of a point of the picture

--- Of a live person: when the telephone is picked up, and known that it is one.
local function answer_delay(random)
  return 3 + random:gamma(3, 7)
end

local function detection(random)
  return random:between(1, 2)
end

---@class Model
---@field p number live answers of each dial
---@field congestion number share of dials that the carrier refuses
---@field talk number mean seconds
---@field wrapup number mean seconds
---@field ring number seconds after which a dial is given up
---@field within number seconds that a person waits for an agent
M.model = { p = 0.2, congestion = 0, talk = 120, wrapup = 15, ring = 25, within = 2 }

--- What becomes of dials that no person answers, as shares of them.
local OTHERS = { { "machine", 0.35 }, { "no_answer", 0.45 }, { "busy", 0.12 }, { "invalid", 0.08 } }

---@class Day
---@field now number virtual seconds
---@field model Model
---@field agents AgentState[] with `leaving`, `number`
---@field ringing table[] dials that nobody has answered
---@field waiting table[] persons without an agent, the first first
---@field active integer
---@field result DayResult
local Day = {}
Day.__index = Day

---@class DayResult
---@field occupancy number share of the agents' time that is talk or wrap-up
---@field live integer
---@field abandoned integer
---@field share number abandoned / live
---@field dials integer
---@field handled integer
---@field waited number mean seconds that persons with an agent waited for one
---@field queue integer most persons without an agent at once
---@field idle number mean seconds that an agent waited for a call
---@field shut number share of the time that the gate was shut
---@field open integer persons who wait when the day is over
---@field beyond integer calls begun while it was shut, beyond one line for each ready agent
---@field without integer calls begun while no agent was ready
---@field series table[] a point a minute

---@class DayOptions
---@field agents integer
---@field hours number
---@field seed integer
---@field pacing PacingOptions
---@field model table? fields of Model that differ
---@field scenario Scenario?

---@param options DayOptions
---@return Day
function M.new(options)
  local model = setmetatable({}, { __index = M.model })
  for name, value in pairs(options.model or {}) do
    model[name] = value
  end
  if options.scenario and options.scenario.p then
    model.p = options.scenario.p
  end
  local self = setmetatable({
    now = BEGIN,
    ends = BEGIN + options.hours * 3600,
    model = model,
    random = randoms.new(options.seed),
    agenda = agendas.new(),
    pacer = pacing.new(options.pacing, function() return 1 end),
    with_agents = pacing.agent_modes[options.pacing.mode or pacing.defaults.mode],
    agents = {},
    ringing = {},
    waiting = {},
    active = 0,
    worked = 0,
    idle = 0,
    waited = 0,
    shut = 0,
    point = {},
    result = { dials = 0, live = 0, abandoned = 0, handled = 0, queue = 0, beyond = 0, without = 0, series = {} },
  }, Day)
  for i = 1, options.agents do
    self.agents[i] = { name = "agent" .. i, state = "ready", since = BEGIN }
  end
  if options.scenario then
    self.agenda:put(BEGIN + options.hours * 1800, function() options.scenario.change(self) end)
  end
  return self
end

-- ---- agents ------------------------------------------------------------------

--- The agent who has been ready for longest.
local function free_agent(self)
  local best
  for _, agent in ipairs(self.agents) do
    if agent.state == "ready" and (not best or agent.since < best.since) then
      best = agent
    end
  end
  return best
end

local function set_state(self, agent, state)
  agent.state, agent.since = state, self.now
end

local connect

--- An agent is through with a call.
local function ready(self, agent)
  self.worked = self.worked + self.now - agent.began
  if agent.leaving then
    set_state(self, agent, "offline")
    agent.left = self.now
    return
  end
  set_state(self, agent, "ready")
  local person = table.remove(self.waiting, 1)
  if person then
    connect(self, person, agent)
  end
end

function connect(self, person, agent)
  person.connected = true
  self.waited = self.waited + self.now - person.since
  self.idle = self.idle + self.now - agent.since
  set_state(self, agent, "talking")
  agent.began = self.now
  self.result.handled = self.result.handled + 1
  self.agenda:put(self.now + self.random:gamma(2, self.model.talk), function()
    self.active = self.active - 1
    set_state(self, agent, "wrapup")
    self.agenda:put(self.now + self.random:gamma(2, self.model.wrapup), function() ready(self, agent) end)
  end)
end

--- COUNT agents leave: at once, or when they are through with their call.
---@param count integer
function Day:leave(count)
  for _, agent in ipairs(self.agents) do
    if count == 0 then
      return
    elseif not agent.leaving then
      agent.leaving = true
      count = count - 1
      if agent.state == "ready" then
        set_state(self, agent, "offline")
        agent.left = self.now
      end
    end
  end
end

-- ---- calls -------------------------------------------------------------------

local function stop_ringing(self, dial)
  local last = #self.ringing
  local moved = self.ringing[last]
  self.ringing[dial.place], moved.place = moved, dial.place
  self.ringing[last] = nil
end

local function failed(self, dial, disposition)
  stop_ringing(self, dial)
  self.active = self.active - 1
  self.pacer:failed(self.now, disposition)
end

--- A person has answered, and wants somebody to talk to.
local function answered(self, dial)
  local result = self.result
  stop_ringing(self, dial)
  result.live = result.live + 1
  self.pacer:answered(self.now, self.now - dial.since)
  if not self.with_agents then
    self.agenda:put(self.now + self.random:gamma(2, self.model.talk), function() self.active = self.active - 1 end)
    return
  end
  local person = { since = self.now }
  local agent = free_agent(self)
  if agent then
    connect(self, person, agent)
    return
  end
  table.insert(self.waiting, person)
  result.queue = math.max(result.queue, #self.waiting)
  self.point.queue = math.max(self.point.queue or 0, #self.waiting)
  self.agenda:put(self.now + self.model.within, function()
    if person.connected then
      return
    end
    for i, other in ipairs(self.waiting) do
      if other == person then
        table.remove(self.waiting, i)
        break
      end
    end
    result.abandoned = result.abandoned + 1
    self.pacer:abandoned(self.now)
    self.agenda:put(self.now + MESSAGE, function() self.active = self.active - 1 end)
  end)
end

local function draw_other(random)
  local u = random:uniform()
  for _, other in ipairs(OTHERS) do
    u = u - other[2]
    if u < 0 then
      return other[1]
    end
  end
  return "no_answer"
end

--- Dial one number: its fate is drawn now, and known when it comes.
local function dial_one(self)
  local random, model = self.random, self.model
  local dial = { since = self.now, place = #self.ringing + 1 }
  self.ringing[dial.place] = dial
  self.active = self.active + 1
  self.result.dials = self.result.dials + 1
  local after
  if model.congestion > 0 and random:uniform() < model.congestion then
    self.agenda:put(self.now + 0.5, function() failed(self, dial, "congestion") end)
    return
  elseif random:uniform() < model.p then
    self.agenda:put(self.now + answer_delay(random) + detection(random), function() answered(self, dial) end)
    return
  end
  local other = draw_other(random)
  if other == "machine" then
    after = random:between(14, 22) + random:between(2, 3.5)
  elseif other == "no_answer" then
    after = model.ring
  else
    after = random:between(1, 4)
  end
  self.agenda:put(self.now + after, function() failed(self, dial, other) end)
end

-- ---- time --------------------------------------------------------------------

--- A point of the picture is over.
local function sample(self)
  local result, point = self.result, self.point
  result.series[#result.series + 1] = {
    at = self.now,
    busy = (point.busy or 0) / math.max(1, point.staffed or 0),
    live = result.live,
    abandoned = result.abandoned,
    queue = point.queue or 0,
    lines = (point.lines or 0) / math.max(1, point.ticks or 0),
    shut = (point.shut or 0) / math.max(1, point.ticks or 0),
  }
  self.point = {}
end

--- The gate by our own count, not by the pacer's.
local function gate_shut(self)
  local o = self.pacer.options
  return o.mode == "predictive" and (self.result.abandoned + 1) / (self.result.live + 1) > o.abandon_cap
end

local function tick(self)
  local ages, now = {}, self.now
  for i, dial in ipairs(self.ringing) do
    ages[i] = now - dial.since
  end
  local free, staffed = 0, 0
  for _, agent in ipairs(self.agents) do
    free = free + (agent.state == "ready" and 1 or 0)
    staffed = staffed + (agent.state ~= "offline" and 1 or 0)
  end
  local shut, in_flight, point = gate_shut(self), #ages + #self.waiting, self.point
  local count, why = self.pacer:tick {
    now = now,
    agents = self.with_agents and self.agents or nil,
    ringing = ages,
    waiting = #self.waiting,
    active = self.active,
  }
  for _ = 1, count do
    dial_one(self)
  end
  self.why = why
  if count > 0 then
    self.pacer:launched(now, count)
  end
  if count > 0 and shut then
    self.result.beyond = self.result.beyond + math.max(0, math.min(count, in_flight + count - free))
  end
  if count > 0 and self.with_agents and free == 0 then
    self.result.without = self.result.without + count
  end
  self.shut = self.shut + (shut and TICK or 0)
  point.ticks, point.lines = (point.ticks or 0) + 1, (point.lines or 0) + #self.ringing
  point.shut = (point.shut or 0) + (shut and 1 or 0)
  point.busy, point.staffed = (point.busy or 0) + staffed - free, (point.staffed or 0) + staffed
  if (now - BEGIN) % SAMPLE == SAMPLE - TICK then
    sample(self)
  end
end

--- The day's figures.
local function close(self)
  local result, there = self.result, 0
  for _, agent in ipairs(self.agents) do
    there = there + (agent.left or self.ends) - BEGIN
    if agent.state == "talking" or agent.state == "wrapup" then
      self.worked = self.worked + self.ends - agent.began
    end
  end
  result.occupancy = there > 0 and self.worked / there or 0
  result.share = result.live > 0 and result.abandoned / result.live or 0
  result.waited = result.handled > 0 and self.waited / result.handled or 0
  result.idle = result.handled > 0 and self.idle / result.handled or 0
  result.shut = self.shut / (self.ends - BEGIN)
  result.open = #self.waiting
  return result
end

--- Live through it.
---@return DayResult
function Day:run()
  local agenda, next_tick = self.agenda, self.now
  while true do
    local at = agenda:next()
    if at and at <= next_tick then
      if at >= self.ends then
        break
      end
      self.now = at
      agenda:take()()
    else
      if next_tick >= self.ends then
        break
      end
      self.now = next_tick
      tick(self)
      next_tick = next_tick + TICK
    end
  end
  self.now = self.ends
  return close(self)
end

return M
