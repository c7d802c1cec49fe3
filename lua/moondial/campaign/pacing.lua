--- How fast to dial: a token bucket for calls a second and a cap on calls at
--- once. Knows nothing of calls; the caller brings the clock.
local M = {}

---@class Pacer
---@field rate number calls a second; math.huge: no limit
---@field concurrent integer calls at once
---@field tokens number
---@field at number? when tokens was true (s)
local Pacer = {}
Pacer.__index = Pacer

-- Calls that may start in one go after a pause: a tenth of a second's worth,
-- and room for a part of a call, lest late ticks cost some of the rate.
local function burst(rate)
  return math.max(2, rate / 10)
end

---@param pacing {rate: number?, concurrent: integer}
---@return Pacer
function M.new(pacing)
  local rate = pacing.rate or math.huge
  return setmetatable({ rate = rate, concurrent = pacing.concurrent, tokens = 1 }, Pacer)
end

--- How many calls may start now.
---@param now number seconds
---@param active integer calls going on
---@return integer
function Pacer:allowed(now, active)
  local room = math.max(0, self.concurrent - active)
  if self.rate == math.huge then
    return room
  end
  local since = math.max(0, now - (self.at or now)) -- a clock may step back
  self.at = now
  self.tokens = math.min(burst(self.rate), self.tokens + since * self.rate)
  return math.min(room, math.floor(self.tokens))
end

--- A call has been started.
function Pacer:started()
  if self.rate ~= math.huge then
    self.tokens = self.tokens - 1
  end
end

--- Seconds until the rate allows one more.
---@return number
function Pacer:wait()
  if self.rate == math.huge or self.tokens >= 1 then
    return 0
  end
  return (1 - self.tokens) / self.rate
end

return M
