--- Random numbers that a seed tells: the same day again, on every machine.
local M = {}

---@class Random
---@field state integer
local Random = {}
Random.__index = Random

---@param seed integer
---@return Random
function M.new(seed)
  return setmetatable({ state = seed * 0x5851F42D4C957F2D + 0x14057B7EF767814F }, Random)
end

--- From 0 to below 1: SplitMix64 (Steele, Lea, Flood 2014), its upper 53 bits.
---@return number
function Random:uniform()
  self.state = self.state + 0x9E3779B97F4A7C15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  z = z ~ (z >> 31)
  return (z >> 11) * 0x1p-53
end

---@param mean number
---@return number
function Random:exponential(mean)
  return -mean * math.log(1 - self:uniform())
end

--- Gamma of a whole SHAPE: a sum of exponentials.
---@param shape integer
---@param mean number
---@return number
function Random:gamma(shape, mean)
  local product = 1
  for _ = 1, shape do
    product = product * (1 - self:uniform())
  end
  return -mean / shape * math.log(product)
end

--- From LOW to HIGH.
---@return number
function Random:between(low, high)
  return low + (high - low) * self:uniform()
end

return M
