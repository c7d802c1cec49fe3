--- Calls a second: a token bucket. Knows no clock; the caller brings it.
local M = {}

---@class Bucket
---@field rate number calls a second; math.huge: no limit
---@field tokens number
---@field at number? when tokens was true (s)
local Bucket = {}
Bucket.__index = Bucket

--- Calls that may start in one go after a pause: a tenth of a second's worth,
--- and room for a part of a call, lest late ticks cost some of the rate.
local function burst(rate)
  return math.max(2, rate / 10)
end

---@param rate number? calls a second; nil: no limit
---@return Bucket
function M.new(rate)
  return setmetatable({ rate = rate or math.huge, tokens = 1 }, Bucket)
end

--- Another rate from now on; what has gathered stays, within the new burst.
---@param rate number
function Bucket:set(rate)
  if rate ~= self.rate then
    self.rate = rate
    if rate ~= math.huge then
      self.tokens = math.min(self.tokens, burst(rate))
    end
  end
end

--- How many calls may start now.
---@param now number seconds
---@return number a whole number, or math.huge
function Bucket:allowed(now)
  local since = math.max(0, now - (self.at or now)) -- a clock may step back
  self.at = now
  if self.rate == math.huge then
    self.tokens = 1
    return math.huge
  end
  self.tokens = math.min(burst(self.rate), self.tokens + since * self.rate)
  return self.tokens // 1 | 0
end

--- COUNT calls have been started.
---@param count integer
function Bucket:take(count)
  if self.rate ~= math.huge then
    self.tokens = self.tokens - count
  end
end

--- Seconds until one more is allowed.
---@return number
function Bucket:wait()
  if self.rate == math.huge or self.tokens >= 1 then
    return 0
  end
  return (1 - self.tokens) / self.rate
end

return M
