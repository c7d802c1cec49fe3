--- Agents and queues as a table for people, or as data.
local M = {}

local function ago(seconds)
  seconds = math.max(0, math.floor(seconds))
  if seconds < 100 then
    return ("%d s"):format(seconds)
  elseif seconds < 6000 then
    return ("%d min"):format(seconds // 60)
  end
  return ("%d h"):format(seconds // 3600)
end

local function group_names(tiers)
  local names = {}
  for name in pairs(tiers) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ",")
end

--- Pure.
---@param agents table[] of agents.snapshot()
---@param queues table[] name, waiting, longest (s)
---@param format "table"|"json"
---@param now number
---@return string|table
function M.list(agents, queues, format, now)
  if format == "json" then
    local list = {}
    for i, a in ipairs(agents) do
      list[i] = { name = a.name, state = a.state, reason = a.reason, since_ms = math.floor(a.since * 1000),
        calls = a.calls, talk_ms = math.floor(a.talked * 1000), call = a.call, nailed_up = a.nailed_up,
        groups = a.groups }
    end
    local waiting = {}
    for i, q in ipairs(queues) do
      waiting[i] = { name = q.name, waiting = q.waiting, longest_ms = math.floor(q.longest * 1000) }
    end
    return { agents = list, groups = waiting }
  end
  if #agents == 0 then
    return "no agents are defined"
  end
  local lines = { ("%-20s %-9s %8s %6s %9s  %-20s %s"):format("agent", "state", "since", "calls", "talk", "groups",
    "why") }
  for _, a in ipairs(agents) do
    lines[#lines + 1] = ("%-20s %-9s %8s %6d %9s  %-20s %s"):format(a.name, a.state, ago(now - a.since), a.calls,
      ago(a.talked), group_names(a.groups), a.reason or "")
  end
  for _, q in ipairs(queues) do
    if q.waiting > 0 then
      lines[#lines + 1] = ("group %s: %d waiting, the longest for %s"):format(q.name, q.waiting, ago(q.longest))
    end
  end
  return table.concat(lines, "\n")
end

return M
