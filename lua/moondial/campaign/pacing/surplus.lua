--- How many calls too many? Calls that will need an agent, each with its chance,
--- against agents that will be free, each with its own: E⁺, the expected number
--- of calls without an agent (DIALING.md, "Pacing modes").
---
--- Two of one shape: `add_call(r)`, `add_agent(f)`, `expected()`, and
--- `with_call(r)`, what `expected()` would be with one call more.
local M = {}

local INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)

--- The standard normal distribution: its density and its integral at z (Abramowitz
--- and Stegun 26.2.17, error below 7.5e-8).
---@param z number
---@return number density
---@return number integral
function M.normal(z)
  local density = INV_SQRT_2PI * math.exp(-z * z / 2)
  local t = 1 / (1 + 0.2316419 * math.abs(z))
  local tail = density * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 +
    t * 1.330274429))))
  return density, z >= 0 and 1 - tail or tail
end

---@class NormalSurplus for many: by mean and variance
---@field mean number of calls minus agents
---@field variance number
---@field calls number expected calls
local Normal = {}
Normal.__index = Normal

local function overflow(mean, variance)
  if variance <= 1e-12 then
    return math.max(mean, 0)
  end
  local sigma = math.sqrt(variance)
  local density, integral = M.normal(mean / sigma)
  return math.max(0, sigma * density + mean * integral)
end

---@return NormalSurplus
function M.by_normal()
  return setmetatable({ mean = 0, variance = 0, calls = 0 }, Normal)
end

function Normal:add_call(r)
  self.mean, self.variance, self.calls = self.mean + r, self.variance + r * (1 - r), self.calls + r
end

function Normal:add_agent(f)
  self.mean, self.variance = self.mean - f, self.variance + f * (1 - f)
end

function Normal:expected()
  return overflow(self.mean, self.variance)
end

function Normal:with_call(r)
  return overflow(self.mean + r, self.variance + r * (1 - r))
end

---@class ExactSurplus for few: the whole distribution of calls minus agents, by
---convolution (Poisson-binomial)
---@field chance table<integer, number> of each difference, from `from` to `to`
---@field calls number expected calls
local Exact = {}
Exact.__index = Exact

---@return ExactSurplus
function M.exact()
  return setmetatable({ chance = { [0] = 1 }, from = 0, to = 0, calls = 0 }, Exact)
end

function Exact:add_call(r)
  local chance = self.chance
  self.to, self.calls = self.to + 1, self.calls + r
  chance[self.to] = 0
  for d = self.to, self.from + 1, -1 do
    chance[d] = chance[d] * (1 - r) + chance[d - 1] * r
  end
  chance[self.from] = chance[self.from] * (1 - r)
end

function Exact:add_agent(f)
  local chance = self.chance
  self.from = self.from - 1
  chance[self.from] = 0
  for d = self.from, self.to - 1 do
    chance[d] = chance[d] * (1 - f) + chance[d + 1] * f
  end
  chance[self.to] = chance[self.to] * (1 - f)
end

function Exact:expected()
  local sum = 0
  for d = 1, self.to do
    sum = sum + d * (self.chance[d] or 0)
  end
  return sum
end

--- One call more is one too many where calls are not fewer than agents already.
function Exact:with_call(r)
  local sum, even = 0, 0
  for d = math.max(0, self.from), self.to do
    sum, even = sum + d * self.chance[d], even + self.chance[d]
  end
  return sum + r * even
end

return M
