--- Which of the agents that are ready gets the next call. Pure: it knows no
--- calls and no clock.
---
--- Tiers go first whatever the strategy: an agent of tier 2 in a group is asked
--- when none of tier 1 is ready.
local M = {}

--- Names, as options take them.
M.names = { "longest_idle", "round_robin", "skills", "least_talk", "ring_all" }

---@class Candidate
---@field name string
---@field tier integer? in this group; 1: first
---@field since number when it became ready
---@field talked number? seconds, in all
---@field skills table<string, number>? level by name

--- Whether it has all that is asked for, at that level at least.
---@param candidate Candidate
---@param wanted table<string, number>?
function M.fits(candidate, wanted)
  for skill, level in pairs(wanted or {}) do
    if ((candidate.skills or {})[skill] or 0) < level then
      return false
    end
  end
  return true
end

local function by_idle(a, b)
  if a.since ~= b.since then
    return a.since < b.since
  end
  return a.name < b.name
end

local function level_of(candidate, wanted)
  local sum = 0
  for skill in pairs(wanted or {}) do
    sum = sum + candidate.skills[skill]
  end
  return sum
end

--- Comparisons within a tier.
local before = {}

function before.longest_idle()
  return by_idle
end

before.ring_all = before.longest_idle

--- Those whose names come after the last one's, then from the first again.
function before.round_robin(last)
  return function(a, b)
    local late_a, late_b = a.name <= last, b.name <= last
    if late_a ~= late_b then
      return late_b
    end
    return a.name < b.name
  end
end

function before.least_talk()
  return function(a, b)
    local ta, tb = a.talked or 0, b.talked or 0
    if ta ~= tb then
      return ta < tb
    end
    return by_idle(a, b)
  end
end

--- The most able first.
function before.skills(_, wanted)
  return function(a, b)
    local la, lb = level_of(a, wanted), level_of(b, wanted)
    if la ~= lb then
      return la > lb
    end
    return by_idle(a, b)
  end
end

--- CANDIDATES (all ready) that fit, in the order in which they are to be asked.
---@param strategy string
---@param candidates Candidate[]
---@param wanted table<string, number>? skills
---@param last string? whom this group's last call went to
---@return Candidate[]
function M.order(strategy, candidates, wanted, last)
  local list = {}
  for _, candidate in ipairs(candidates) do
    if M.fits(candidate, wanted) then
      list[#list + 1] = candidate
    end
  end
  local within = before[strategy](last or "", wanted)
  table.sort(list, function(a, b)
    local ta, tb = a.tier or 1, b.tier or 1
    if ta ~= tb then
      return ta < tb
    end
    return within(a, b)
  end)
  return list
end

return M
