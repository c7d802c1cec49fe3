--- Back-off: a carrier that answers many calls with congestion (DIALING.md's
--- outcome table: 500, 502 to 504, no response) gets half as many a second, and
--- half again, until it copes; then the rate climbs back.
local M = {}

local WINDOW = 20 -- outcomes that are looked at
local ENOUGH = 5 -- so many must be there for a verdict
local SHARE = 0.25 -- of them congestion: too much
local LEAST = 1 / 64 -- of the rate: never less
local SETTLE = 2 -- seconds after a step in which outcomes are those of calls begun before it
local STEP = 5 -- seconds without a step down until a step up
local CLIMB = 1.25 -- a step up
local RATE_WINDOW = 10 -- seconds over which the rate is measured

---@class Congestion
---@field factor number share of the rate that is used now, 1: no back-off
---@field base number calls a second when it began: what half of the rate means where another limit than the rate binds
---@field share number of the last outcomes when it last stepped down
local Congestion = {}
Congestion.__index = Congestion

---@return Congestion
function M.new()
  return setmetatable({ factor = 1, base = math.huge, share = 0, outcomes = {}, count = 0, bad = 0, at = 0,
    stepped_at = -math.huge, begun = {} }, Congestion)
end

--- COUNT calls begin.
---@param now number
---@param count integer
function Congestion:launched(now, count)
  local second = now // 1 | 0
  local slot = self.begun[second % RATE_WINDOW]
  if not slot or slot.second ~= second then
    slot = { second = second, count = 0 }
    self.begun[second % RATE_WINDOW] = slot
  end
  slot.count = slot.count + count
end

--- Calls begun a second, of late.
function Congestion:measured(now)
  local sum, from, first = 0, now - RATE_WINDOW, now
  for _, slot in pairs(self.begun) do
    if slot.second > from then
      sum, first = sum + slot.count, math.min(first, slot.second)
    end
  end
  return sum / math.max(1, now - first)
end

--- An attempt has come to its end.
---@param now number
---@param congested boolean
function Congestion:came(now, congested)
  if now - self.stepped_at < SETTLE then
    return
  end
  self.at = self.at % WINDOW + 1
  if self.count < WINDOW then
    self.count = self.count + 1
  elseif self.outcomes[self.at] then
    self.bad = self.bad - 1
  end
  self.outcomes[self.at] = congested
  self.bad = self.bad + (congested and 1 or 0)
  if congested and self.count >= ENOUGH and self.bad / self.count >= SHARE then
    if self.factor == 1 then
      self.base = math.max(1, self:measured(now))
    end
    self.factor, self.share = math.max(LEAST, self.factor / 2), self.bad / self.count
    self.outcomes, self.count, self.bad, self.at = {}, 0, 0, 0
    self.stepped_at = now
  end
end

--- The rate to keep to now.
---@param now number
---@param rate number calls a second that are set; math.huge: none
---@return number
function Congestion:rate(now, rate)
  if self.factor == 1 then
    return rate
  end
  if now - self.stepped_at >= STEP then
    self.factor = math.min(1, self.factor * CLIMB)
    self.stepped_at = now
  end
  if self.factor == 1 then
    return rate
  end
  return math.min(rate, self.base) * self.factor
end

return M
