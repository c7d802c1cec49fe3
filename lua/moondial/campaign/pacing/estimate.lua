--- What a predictive dialer must know, learned as it dials (DIALING.md, "Pacing
--- modes"): p, how many dials a live person answers; F, how soon; S, how long
--- agents talk and wrap up; H, how far ahead to look. Seconds all.
local histogram = require "moondial.campaign.pacing.histogram"

local M = {}

local WEIGHT = 1 / 150 -- of one dial in p, once there are that many
local FIRST_P, FIRST_DIALS = 0.3, 10 -- the prior of p, and what it is worth: careful, few lines
local FIRST_H, ENOUGH = 12, 100 -- H until so many answers
local LOOKED_AWAY = 5 -- seconds between two looks at agents, between which one may have been in other states

--- P(a gamma variable of shape 2 and this mean is more than t).
local function gamma2(mean)
  return function(t)
    return (1 + 2 * t / mean) * math.exp(-2 * t / mean)
  end
end

local function exponential(mean)
  return function(t)
    return math.exp(-t / mean)
  end
end

---@class Estimate
---@field p number live answers of each completed dial
---@field dials integer completed ever
---@field answer Histogram from the dial until a live person has answered and is known to be one: answer delay and
---detection in one, so that a call counts as ringing until the verdict
---@field talk Histogram
---@field wrapup Histogram
local Estimate = {}
Estimate.__index = Estimate

---@return Estimate
function M.new()
  return setmetatable({
    p = FIRST_P,
    dials = 0,
    answer = histogram.new { width = 0.5, size = 240, keep = 1000, weight = 20, prior = gamma2(10) },
    -- talk and wrap-up have a mean of 120 s together
    talk = histogram.new { width = 2, size = 900, keep = 1000, weight = 20, prior = gamma2(105) },
    wrapup = histogram.new { width = 2, size = 150, keep = 1000, weight = 20, prior = exponential(15) },
    agents = {},
    free = {},
    turn = 0,
  }, Estimate)
end

--- A dial is complete: a live person has answered it, or it has failed.
---@param live boolean
---@param delay number? from the dial to the verdict
function Estimate:completed(live, delay)
  local weight = math.max(WEIGHT, 1 / (self.dials + FIRST_DIALS + 1))
  self.p = self.p + weight * ((live and 1 or 0) - self.p)
  self.dials = self.dials + 1
  if live and delay then
    self.answer:add(delay)
  end
end

--- How far ahead to look: until then a call dialled now has an agent, or hasn't.
---@return number
function Estimate:horizon()
  if self.answer.seen < ENOUGH then
    return FIRST_H
  end
  return self.answer:median()
end

--- Learn from what has become of each agent since the last time. After a while without
--- a look (a pause, a trunk that was away) what they are now need not have followed from
--- what they were: nothing is learned of it.
---@param agents AgentState[]
---@param now number
function Estimate:watch(agents, now)
  local known, turn = self.agents, self.turn + 1
  local seen = now - (self.looked_at or now) <= LOOKED_AWAY
  self.turn, self.looked_at = turn, now
  for i = 1, #agents do
    local agent = agents[i]
    local was = known[agent.name]
    if not was then
      was = {}
      known[agent.name] = was
    end
    was.turn = turn
    if was.state ~= agent.state or was.since ~= agent.since then
      local took = seen and was.since and agent.since - was.since
      if took and took >= 0 then
        if was.state == "talking" then
          self.talk:add(took)
          if agent.state ~= "wrapup" then
            self.wrapup:add(0)
          end
        elseif was.state == "wrapup" then
          self.wrapup:add(took)
        end
      end
      was.state, was.since = agent.state, agent.since
    end
  end
  for name, was in pairs(known) do
    if was.turn ~= turn then
      known[name] = nil
    end
  end
end

--- For each age of a ringing call, in bins of `answer`: the chance that it will
--- need an agent, r = p(1 − F) / (1 − pF).
---@return number[] r
---@return number width of a bin
---@return integer last
function Estimate:needs()
  local s, p, r = self.answer:survival(), self.p, self.need or {}
  if self.need_p ~= p or not self.need then
    for i = 0, self.answer.size do
      r[i] = p * s[i] / (1 - p + p * s[i])
    end
    self.need, self.need_p = r, p
  end
  return r, self.answer.width, self.answer.size
end

---@class Outlook the chance that a busy agent is free within the horizon
---@field horizon number
---@field talking fun(age: number): number
---@field wrapping fun(age: number): number

--- Whoever talks must talk to the end and wrap up: the chance is taken from both
--- distributions, P(T + W ≤ a + H | T > a), and for whoever wraps up from its
--- own alone. One S for the sum of both, as DIALING.md has it, takes an agent who
--- has just begun to wrap up for one in the middle of a call of that age: too
--- many lines for talkers, too few for those nearly ready.
---@return Outlook
function Estimate:outlook()
  local horizon = self:horizon()
  local talk, wrapup, width = self.talk:survival(), self.wrapup:survival(), self.talk.width
  local last, last_wrapup = self.talk.size, self.wrapup.size
  local steps = math.max(1, (horizon / width + 0.5) // 1 | 0)
  local by_age = {}
  return {
    horizon = horizon,
    talking = function(age)
      local i = age / width // 1 | 0
      i = i < 0 and 0 or i > last and last or i
      local f = by_age[i]
      if not f then
        local alive = talk[i]
        f = 0
        if alive > 0 then
          for u = 0, math.min(steps, last - i) - 1 do
            local wrapped = 1 - wrapup[math.min(last_wrapup, steps - u - 1)]
            f = f + (talk[i + u] - talk[i + u + 1]) * wrapped
          end
          f = f / alive
        end
        by_age[i] = f
      end
      return f
    end,
    wrapping = function(age)
      local i = age / width // 1 | 0
      i = i < 0 and 0 or i > last_wrapup and last_wrapup or i
      local alive = wrapup[i]
      return alive > 0 and 1 - wrapup[math.min(last_wrapup, i + steps)] / alive or 1
    end,
  }
end

return M
