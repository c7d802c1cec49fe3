--- A distribution that is learned: what was seen, in bins, with a prior of some
--- weight for as long as little was seen. What is old is forgotten.
local M = {}

---@class Histogram
---@field width number seconds of a bin
---@field size integer bins; what is longer counts in the last
---@field total number samples, those half forgotten as a half
---@field seen integer samples ever
local Histogram = {}
Histogram.__index = Histogram

---@param options {width: number, size: integer, keep: number, weight: number, prior: fun(t: number): number}
---keep: samples; weight: how many samples the prior is worth; prior: P(more than t seconds)
---@return Histogram
function M.new(options)
  local self = setmetatable({ width = options.width, size = options.size, keep = options.keep,
    weight = options.weight, total = 0, seen = 0, counts = {}, prior = {}, table = {}, dirty = true }, Histogram)
  for i = 0, self.size do
    self.counts[i] = 0
    self.prior[i] = options.prior(i * self.width)
  end
  return self
end

---@param seconds number
function Histogram:add(seconds)
  local i = math.min(self.size, math.max(0, seconds / self.width // 1 | 0))
  self.counts[i] = self.counts[i] + 1
  self.total, self.seen = self.total + 1, self.seen + 1
  self.dirty = true
  if self.total > self.keep then
    for bin = 0, self.size do
      self.counts[bin] = self.counts[bin] / 2
    end
    self.total = self.total / 2
  end
end

--- P(more than i × width seconds), for i from 0 to size.
---@return number[]
function Histogram:survival()
  if self.dirty then
    local s, counts, prior, weight = self.table, self.counts, self.prior, self.weight
    local all, more = weight + self.total, 0
    for i = self.size, 0, -1 do
      more = more + counts[i]
      s[i] = (weight * prior[i] + more) / all
    end
    self.dirty = false
  end
  return self.table
end

--- The time that half of them exceed (s).
---@return number
function Histogram:median()
  local s = self:survival()
  for i = 1, self.size do
    if s[i] <= 0.5 then
      return (i - 0.5) * self.width
    end
  end
  return self.size * self.width
end

--- The mean: the integral of the survival (s).
---@return number
function Histogram:mean()
  local s, sum = self:survival(), 0
  for i = 0, self.size - 1 do
    sum = sum + (s[i] + s[i + 1]) / 2
  end
  return sum * self.width
end

return M
