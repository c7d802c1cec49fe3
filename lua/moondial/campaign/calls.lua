--- The calls of a campaign as its pacer sees them: what rings and since when,
--- who has answered and waits for an agent. An attempt tells each step as it
--- comes (`attempt.lua`), and the pacer learns of it here.
---
---   pending ─► ringing ─► waiting ─► talking      a person, in a mode with agents
---                  │         └─────► abandoned
---                  ├─────────► talking            a person, in a broadcast: an agent may be wanted
---                  │                              later, and not come: abandoned, too
---                  └─────────► other              a machine, a fax, silence
local moon = require "moondial"

local M = {}

local RATE_WINDOW = 10 -- seconds over which the rate is measured

--- Verdicts about who has answered that count as a live person: who isn't known
--- for sure is treated as one (DIALING.md, "Answering machines").
local LIVE = { human = true, unsure = true, screening = true }

---@class AnswerCounts what a call adds to the counts of its day
---@field live integer
---@field abandoned integer
---@field machines integer

--- What a call that is over, and of which only the record is left, adds.
---@param kind string who had answered
---@param disposition string
---@param alone boolean nobody has talked to it, and an agent should have
---@return AnswerCounts? counts nil: nothing
function M.counts_of(kind, disposition, alone)
  if LIVE[kind] then
    local abandoned = disposition == "abandoned" or alone and disposition == "dnc"
    return { live = 1, abandoned = abandoned and 1 or 0, machines = 0 }
  elseif kind == "machine" and disposition == "machine" then
    return { live = 0, abandoned = 0, machines = 1 }
  end
end

---@class CampaignCalls outlives reloads: calls of earlier generations count too
---@field pacer Pacer
---@field with_agents boolean
---@field group string? of its agents
---@field coming integer calls that the pacer has granted, and that are not begun yet
---@field active integer attempts that go on
---@field channels integer calls that go on, or begin now: an attempt goes on after its call, while the agent wraps up
---@field pending integer of these, not dialled yet: being noted
---@field waiting integer persons without an agent
---@field ringing table<AttemptWork, number> since when
---@field begun table<integer, integer> calls in each second
---@field called_for table<string, integer> callbacks that go on, by the agent who is to have them
local Calls = {}
Calls.__index = Calls

---@param pacer Pacer
---@return CampaignCalls
function M.new(pacer)
  return setmetatable({ pacer = pacer, with_agents = false, coming = 0, active = 0, pending = 0, waiting = 0,
    ringing = {}, begun = {}, channels = 0, called_for = {} }, Calls)
end

local function count_callback(self, work, change)
  local agent = work.row and work.row.agent
  if agent then
    local count = (self.called_for[agent] or 0) + change
    self.called_for[agent] = count > 0 and count or nil
  end
end

--- An attempt begins.
---@param work AttemptWork
function Calls:begin(work)
  count_callback(self, work, 1)
  local now = moon.now()
  local second = now // 1 | 0
  self.active, self.pending, self.channels = self.active + 1, self.pending + 1, self.channels + 1
  self.ringing[work], work.stage = now, "pending"
  self.pacer:launched(now, 1)
  if not self.begun[second] then
    for old in pairs(self.begun) do
      if old <= second - RATE_WINDOW then
        self.begun[old] = nil
      end
    end
  end
  self.begun[second] = (self.begun[second] or 0) + 1
end

--- Calls begun a second, over the last ten seconds.
function Calls:rate()
  local second, sum = moon.now() // 1 | 0, 0
  for s = second - RATE_WINDOW + 1, second do
    sum = sum + (self.begun[s] or 0)
  end
  return sum / RATE_WINDOW
end

--- How long each call that rings has been going on.
---@param now number
---@return number[]
function Calls:ages(now)
  local ages, n = {}, 0
  for _, since in pairs(self.ringing) do
    n = n + 1
    ages[n] = now - since
  end
  return ages
end

--- Ages of the calls of LIVE that may want an agent: that ring, or are about to.
local function wanting(live, now)
  local ages = {}
  for work, since in pairs(live.ringing) do
    if not work.hold then -- whoever is to have it is held for it
      ages[#ages + 1] = now - since
    end
  end
  for _ = 1, live.coming do
    ages[#ages + 1] = 0
  end
  return ages
end

--- What the agents of GROUP are wanted for, in all of LIVES: an agent takes one
--- call, whichever campaign has dialled it. Calls for another group can take no more of
--- them than are in both.
---@param lives table<string, CampaignCalls>
---@param group string
---@param now number
---@param shared fun(other: string): integer how many agents of GROUP are in that one, too
---@return number[] ages of calls that ring or are about to
---@return integer waiting persons without an agent
function M.for_group(lives, group, now, shared)
  local ages, waiting = {}, 0
  for _, live in pairs(lives) do
    local most = not live.with_agents and 0 or live.group == group and math.huge or shared(live.group)
    if most > 0 then
      local wait, list = math.min(live.waiting, most), wanting(live, now)
      table.move(list, 1, math.min(#list, most - wait), #ages + 1, ages)
      waiting = waiting + wait
    end
  end
  return ages, waiting
end

--- Leave the stage of before.
local function leave(self, work)
  if work.stage == "pending" then
    self.pending = self.pending - 1
  elseif work.stage == "waiting" then
    self.waiting = self.waiting - 1
  end
end

--- Its call has ended, or will not begin: the channel is free.
function Calls:hung_up(work)
  if not work.hung_up then
    work.hung_up, self.channels = true, self.channels - 1
  end
end

--- Its call is begun: it is among the engine's now.
function Calls:dialing(work)
  if work.stage == "pending" then
    leave(self, work)
    work.stage, self.ringing[work] = "ringing", moon.now()
  end
end

--- Answered, and it is known by whom.
---@param kind string of the detection; human where there is none
function Calls:answered(work, kind)
  local since, now = self.ringing[work], moon.now()
  if not since then
    return
  end
  leave(self, work)
  self.ringing[work], work.kind = nil, kind
  if not LIVE[kind] then
    work.stage = "other"
    self.pacer:failed(now, kind)
    return
  end
  work.live = true
  self.pacer:answered(now, now - since)
  work.stage = self.with_agents and "waiting" or "talking"
  if self.with_agents then
    self.waiting = self.waiting + 1
  end
end

--- It has an agent.
function Calls:agent(work)
  if work.stage == "waiting" then
    leave(self, work)
    work.stage = "talking"
  end
end

--- No agent came in time. In a broadcast, too, this is an abandoned call.
function Calls:abandoned(work)
  if work.live and (work.stage == "waiting" or work.stage == "talking") then
    leave(self, work)
    work.stage, work.abandoned = "abandoned", true
    self.pacer:abandoned(moon.now())
  end
end

--- Its call is over, and its DISPOSITION known. Said twice it is the same.
---@param work AttemptWork
---@param disposition string
---@return AnswerCounts? counts nil: nobody has answered
function Calls:ended(work, disposition)
  if work.stage == "ended" then
    return work.counts
  end
  leave(self, work)
  self:hung_up(work)
  if self.ringing[work] then
    self.ringing[work] = nil
    self.pacer:failed(moon.now(), disposition)
  elseif work.kind == "machine" and disposition == "machine" then
    work.machine = true
    self.pacer:machine_hung_up(moon.now())
  end
  work.stage = "ended"
  if work.live or work.machine then
    work.counts = { live = work.live and 1 or 0, abandoned = work.abandoned and 1 or 0,
      machines = work.machine and 1 or 0 }
  end
  return work.counts
end

--- It did not happen: nobody was rung.
function Calls:undone(work)
  leave(self, work)
  self:hung_up(work)
  self.ringing[work], work.stage = nil, "ended"
end

--- Its task has ended, whatever has come of it.
function Calls:over(work)
  if work.stage ~= "ended" then
    self:undone(work)
  end
  self.active = self.active - 1
  count_callback(self, work, -1)
end

return M
