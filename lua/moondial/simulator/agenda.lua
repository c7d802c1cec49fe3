--- What happens when: a heap of events by time, in virtual seconds. Of two at
--- the same time the one that was put in first comes first.
local M = {}

---@class Agenda
---@field count integer
local Agenda = {}
Agenda.__index = Agenda

---@return Agenda
function M.new()
  return setmetatable({ count = 0, number = 0, at = {}, order = {}, what = {} }, Agenda)
end

local function earlier(self, i, j)
  local a, b = self.at[i], self.at[j]
  return a < b or a == b and self.order[i] < self.order[j]
end

local function swap(self, i, j)
  local at, order, what = self.at, self.order, self.what
  at[i], at[j] = at[j], at[i]
  order[i], order[j] = order[j], order[i]
  what[i], what[j] = what[j], what[i]
end

--- Have WHAT happen at AT.
---@param at number
---@param what function
function Agenda:put(at, what)
  local i = self.count + 1
  self.count, self.number = i, self.number + 1
  self.at[i], self.order[i], self.what[i] = at, self.number, what
  while i > 1 and earlier(self, i, i // 2) do
    swap(self, i, i // 2)
    i = i // 2
  end
end

--- When the next is; nil: nothing is left.
---@return number?
function Agenda:next()
  return self.at[1]
end

--- Take the next one out.
---@return function what
function Agenda:take()
  local what, n = self.what[1], self.count
  swap(self, 1, n)
  self.at[n], self.order[n], self.what[n] = nil, nil, nil
  n = n - 1
  self.count = n
  local i = 1
  while 2 * i <= n do
    local child = 2 * i
    if child < n and earlier(self, child + 1, child) then
      child = child + 1
    end
    if not earlier(self, child, i) then
      break
    end
    swap(self, i, child)
    i = child
  end
  return what
end

return M
