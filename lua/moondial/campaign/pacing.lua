--- How many calls to begin now, and why not more. Knows no calls and no clock:
--- the campaign (or the simulator) tells it what it sees, each tick.
---
---   broadcast             as many as channels and rate allow
---   power                 `ratio` lines for each ready agent
---   progressive           one line for each ready agent
---   predictive            more, as far as abandonment stays within its target
---   preview, manual       only what an agent has accepted
---
--- Modes with agents dial nothing while no agent is ready. Formulas: DIALING.md,
--- "Pacing modes".
local buckets = require "moondial.campaign.pacing.bucket"
local congestions = require "moondial.campaign.pacing.congestion"
local estimates = require "moondial.campaign.pacing.estimate"
local records = require "moondial.campaign.pacing.record"
local surplus = require "moondial.campaign.pacing.surplus"

local M = {}

local EXACT_BELOW = 10 -- agents: the exact distribution, since the normal one is wrong for few
local CAREFUL_BELOW = 50 -- live answers: half of the target

--- Modes that dial for agents, and only then.
M.agent_modes = { manual = true, preview = true, power = true, progressive = true, predictive = true }

--- Where a campaign says nothing.
M.defaults = {
  mode = "broadcast",
  ratio = 2,
  max_level = 5,
  abandon_target = 0.02,
  abandon_cap = 0.03,
  abandon_days = { 1, 30 },
  false_machine = 0.01,
}
local DEFAULT_CONCURRENT = 10 -- calls of a broadcast; where there are agents they are the limit

---@class PacingOptions
---@field mode "manual"|"preview"|"broadcast"|"power"|"progressive"|"predictive"
---@field concurrent integer? calls at once; nil: 10 in a broadcast, no limit in modes with agents
---@field rate number? calls a second
---@field ratio number? of power: lines for each ready agent
---@field max_level number? of predictive: calls without an agent, for each agent that is there, at most
---@field abandon_target number? ε, a share of live answers
---@field abandon_cap number? the legal share, the gate
---@field abandon_days integer[]? windows of the gate
---@field false_machine number? q̂, persons among those taken for machines

---@class AgentState
---@field name string
---@field state "ready"|"reserved"|"talking"|"wrapup"|"paused"|"offline"
---@field since number seconds
---@field held any? reserved for a lead of its own choice: nobody who waits gets it

---@class PacerInput
---@field now number seconds
---@field agents AgentState[]? nil in a broadcast
---@field ringing number[] ages of calls since their dial (s), until it is known whether a person has answered
---@field active integer all calls that go on
---@field waiting integer? persons who have answered and talk to no agent yet; agents that are reserved are for them
---@field accepted integer? leads that agents have accepted (preview, manual)
---@field room integer? channels that engine and trunks have free; nil: they don't say
---@field room_why string? what limits `room`

---@class PacerFigures
---@field mode string
---@field rate number? calls a second
---@field concurrent integer?
---@field congestion number share of the rate that is used, 1: no back-off
---@field answer_rate number? live answers of each dial
---@field dials integer? that it has learned from
---@field handling number? mean talk and wrap-up (s)
---@field horizon number? how far ahead it looks (s)
---@field windows AbandonmentWindow[]?
---@field gate "open"|"shut"|nil of predictive

---@class Pacer
---@field options PacingOptions
---@field estimate Estimate
---@field record AbandonmentRecord
---@field bucket Bucket
---@field congestion Congestion
local Pacer = {}
Pacer.__index = Pacer

---@param options PacingOptions
---@param day (fun(now: number): integer)? the number of a day, for the counts of abandonment
---@return Pacer
function M.new(options, day)
  local self = setmetatable({
    estimate = estimates.new(),
    congestion = congestions.new(),
    bucket = buckets.new(options.rate),
    record = records.new { windows = M.defaults.abandon_days, false_machine = M.defaults.false_machine, day = day },
  }, Pacer)
  self:set(options)
  return self
end

--- What is going on, for people and for JSON.
---@param now number
---@return PacerFigures
function Pacer:figures(now)
  local o, estimate = self.options, self.estimate
  local figures = { mode = o.mode, rate = o.rate ~= math.huge and o.rate or nil,
    concurrent = o.concurrent ~= math.huge and o.concurrent or nil, congestion = self.congestion.factor }
  if M.agent_modes[o.mode] then
    figures.answer_rate, figures.dials = estimate.p, estimate.dials
    figures.handling = estimate.talk:mean() + estimate.wrapup:mean()
    figures.horizon = estimate:horizon()
    figures.windows = self.record:all(now)
    figures.gate = o.mode == "predictive" and (self:allowance(now).open and "open" or "shut") or nil
  end
  return figures
end

--- Other options from now on: what was learned stays.
---@param options PacingOptions
function Pacer:set(options)
  local merged = {}
  for name, value in pairs(M.defaults) do
    merged[name] = value
  end
  for name, value in pairs(options) do
    merged[name] = value
  end
  merged.concurrent = merged.concurrent or M.agent_modes[merged.mode] and math.huge or DEFAULT_CONCURRENT
  merged.rate = merged.rate or math.huge
  self.options = merged
  self.record.windows, self.record.false_machine = merged.abandon_days, merged.false_machine
end

-- ---- what has come of calls --------------------------------------------------

--- COUNT calls have been begun.
---@param now number
---@param count integer
function Pacer:launched(now, count)
  self.bucket:take(count)
  self.congestion:launched(now, count)
end

--- A live person has answered, and it is known that it is one.
---@param now number
---@param delay number from the dial to that verdict (s)
function Pacer:answered(now, delay)
  self.record:live(now)
  self.estimate:completed(true, delay)
  self.congestion:came(now, false)
end

--- A dial has ended without a live person.
---@param now number
---@param disposition string busy, no_answer, machine, congestion, …
function Pacer:failed(now, disposition)
  self.estimate:completed(false)
  self.congestion:came(now, disposition == "congestion")
end

--- A live person got no agent in time.
function Pacer:abandoned(now)
  self.record:abandoned(now)
end

--- A call was hung up on, since a machine had answered.
function Pacer:machine_hung_up(now)
  self.record:machine(now)
end

-- ---- the gate ------------------------------------------------------------------

local function days_text(days)
  return days == 1 and "today" or ("over %d days"):format(days)
end

---@class Allowance
---@field open boolean the gate
---@field share number e: the share of calls without an agent to dial for
---@field window AbandonmentWindow the one that binds

--- Of every window the strictest: whether it lets more lines than agents out, and
--- how many callers may be expected without an agent.
---@param now number
---@return Allowance
function Pacer:allowance(now)
  local o, strictest = self.options, nil
  for _, w in ipairs(self.record:all(now)) do
    local e = o.abandon_target
    if w.live < CAREFUL_BELOW then
      e = e / 2
    elseif w.share > e then
      e = math.max(0, e - 2 * (w.share - e))
    end
    local open = (w.x + 1) / (w.live + 1) <= o.abandon_cap
    if not strictest or strictest.open and not open or strictest.open == open and e < strictest.share then
      strictest = { open = open, share = e, window = w }
    end
  end
  return strictest
end

local function gate_text(self, allowance)
  local w, cap = allowance.window, self.options.abandon_cap
  if cap == 0 then
    return "pacing.abandon_cap is 0, no call may be abandoned: one line for each ready agent"
  end
  local need = math.ceil((w.x + 1) / cap) - 1 - w.live
  return ("the abandonment gate is shut: %.4g of %d live answers %s had no agent, and one more would be over %g %%; "
    .. "one line for each ready agent until %.0f more have answered"):format(w.x, w.live, days_text(w.days),
    100 * cap, math.max(1, need))
end

-- ---- modes with agents -----------------------------------------------------------

---@class AgentCounts
---@field ready integer
---@field staffed integer neither paused nor offline
---@field text string

local function count_agents(agents)
  local counts = { ready = 0, reserved = 0, held = 0, talking = 0, wrapup = 0, paused = 0, offline = 0 }
  for i = 1, #agents do
    local state = agents[i].held and "held" or agents[i].state
    counts[state] = (counts[state] or 0) + 1
  end
  counts.staffed = counts.ready + counts.reserved + counts.held + counts.talking + counts.wrapup
  return counts
end

local function no_agent_text(counts)
  if counts.staffed + counts.paused == 0 then
    return "no agent is logged in"
  end
  local parts = {}
  for _, state in ipairs { { "reserved", "about to talk" }, { "held", "waiting for a lead that is dialled" },
    { "talking", "talking" }, { "wrapup", "wrapping up" }, { "paused", "paused" } } do
    if counts[state[1]] > 0 then
      parts[#parts + 1] = ("%d %s"):format(counts[state[1]], state[2])
    end
  end
  return "no agent is ready: " .. table.concat(parts, ", ")
end

--- One line, or RATIO, for each ready agent.
local function by_ratio(counts, in_flight, ratio)
  local count = math.max(0, (counts.ready * ratio + 1e-9) // 1 | 0) - in_flight
  if ratio == 1 then
    return count, ("each of %d ready agent(s) has a line"):format(counts.ready)
  end
  return count, ("each of %d ready agent(s) has %g lines"):format(counts.ready, ratio)
end

--- Fill SUM with what goes on.
local function weigh(self, input, counts, sum)
  local estimate, now = self.estimate, input.now
  local needs, width, last = estimate:needs()
  local ringing = input.ringing
  for i = 1, #ringing do
    local age = ringing[i] / width // 1 | 0
    sum:add_call(needs[age < 0 and 0 or age > last and last or age])
  end
  for _ = 1, math.max(0, (input.waiting or 0) - counts.reserved) do
    sum:add_call(1)
  end
  for _ = 1, counts.ready do
    sum:add_agent(1)
  end
  local outlook = estimate:outlook()
  local agents = input.agents
  for i = 1, #agents do
    local agent = agents[i]
    local state = agent.state
    if state == "talking" then
      sum:add_agent(outlook.talking(now - agent.since))
    elseif state == "reserved" then
      sum:add_agent(outlook.talking(0))
    elseif state == "wrapup" then
      sum:add_agent(outlook.wrapping(now - agent.since))
    end
  end
  return sum
end

--- Lines beyond one for each ready agent, as many as keep E⁺/Σr within e.
local function predictive(self, input, counts, in_flight, room)
  local one_each = by_ratio(counts, in_flight, 1)
  local allowance = self:allowance(input.now)
  self.last = allowance
  if not allowance.open then
    return one_each, gate_text(self, allowance)
  end
  local level = (self.options.max_level * counts.staffed) // 1 | 0
  local most = math.min(room, level - in_flight)
  local sum = weigh(self, input, counts, counts.staffed < EXACT_BELOW and surplus.exact() or surplus.by_normal())
  local p, count = self.estimate.p, 0
  while count < most and sum:with_call(p) <= allowance.share * (sum.calls + p) do
    sum:add_call(p)
    count = count + 1
  end
  if count < one_each then
    return one_each, ("each of %d ready agent(s) has a line"):format(counts.ready)
  elseif count == most and most < room then
    return count, ("%g lines for each of %d agents are the most"):format(self.options.max_level, counts.staffed)
  end
  return count, ("one more line would leave over %.2g %% of those who answer without an agent"):format(
    100 * allowance.share)
end

--- How many lines the agents of now are good for, and what limits them.
local function for_agents(self, input, room)
  local agents = input.agents or {}
  local mode, counts = self.options.mode, count_agents(agents)
  self.estimate:watch(agents, input.now)
  if mode == "preview" or mode == "manual" then
    return input.accepted or 0, mode == "manual" and "no lead is given to dial" or "no agent has accepted a lead"
  elseif counts.ready == 0 then
    return 0, no_agent_text(counts)
  end
  local in_flight = #input.ringing + math.max(0, (input.waiting or 0) - counts.reserved)
  if mode == "predictive" then
    return predictive(self, input, counts, in_flight, room)
  end
  return by_ratio(counts, in_flight, mode == "power" and self.options.ratio or 1)
end

-- ---- each tick -------------------------------------------------------------------

local function rate_text(self, rate)
  if self.congestion.factor < 1 then
    return ("the carrier is congested (%.0f %% of its last answers): %.3g calls a second until it copes"):format(
      100 * self.congestion.share, rate)
  end
  return ("the rate limit of %g calls a second is reached"):format(rate)
end

--- How many calls to begin now, and in one sentence why not more.
---@param input PacerInput
---@return integer count
---@return string why
---@return number? wait seconds after which there may be more, where that is known
function Pacer:tick(input)
  local o, now = self.options, input.now
  local rate = self.congestion:rate(now, o.rate)
  self.bucket:set(rate)
  local room, why, wait = o.concurrent - input.active, nil, nil
  if room <= 0 then
    room, why = 0, ("all %d channels are in use"):format(o.concurrent)
  end
  local tokens = self.bucket:allowed(now)
  if tokens < room then
    room, why, wait = tokens, rate_text(self, rate), self.bucket:wait()
  end
  if input.room and input.room < room then
    room, why = input.room, input.room_why or "the engine has as many new calls as it can do"
  end
  if M.agent_modes[o.mode] then
    local count, limit = for_agents(self, input, room)
    count = math.max(0, count)
    if count < room then
      return count, limit
    end
  end
  return room, why or ("all %d channels are in use"):format(o.concurrent), wait
end

return M
