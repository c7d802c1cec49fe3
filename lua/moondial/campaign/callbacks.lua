--- Callbacks by one agent that were due and found it away, or called for another lead:
--- when it becomes ready they are due again.
local store = require "moondial.campaign.store"

local M = {}

local AT_ONCE = 10 -- leads that are due when their agent is ready: it takes one of them

--- Agents whom a lead has waited for, by campaign and name: true, or since when the agent
--- is ready whose leads have been woken.
---@type table<string, table<string, true|number>>
M.absent = {}

--- A lead of CAMPAIGN waits for AGENT.
---@param campaign string
---@param agent string
---@param ready_since number? the agent is ready, and called for another lead; nil: it isn't
function M.wait(campaign, agent, ready_since)
  local absent = M.absent[campaign] or {}
  M.absent[campaign] = absent
  absent[agent] = ready_since or true
end

--- Leads that have waited for an agent who is ready now are due. Only agents whom leads
--- wait for are looked at, and once each time that they become ready. Waits, if there are
--- any.
---@param campaign string
---@param group Group
function M.wake(campaign, group)
  local absent = M.absent[campaign]
  if not (absent and next(absent)) then
    return
  end
  for _, agent in ipairs(group:snapshot()) do
    local seen = absent[agent.name]
    if seen ~= nil and seen ~= agent.since and agent.state == "ready" then
      absent[agent.name] = agent.since
      if store.wake_callbacks(campaign, agent.name, AT_ONCE) < AT_ONCE and absent[agent.name] == agent.since then
        absent[agent.name] = nil
      end
    end
  end
end

return M
