--- Reach the agents that are reserved for a call: the leg that is open, or a call
--- to their telephones.
local moon = require "moondial"

local M = {}

M.MOMENT = 0.05 -- seconds: less than what is worth a try

--- Why an agent whose telephone could not be reached is paused; nil: that was none
--- of its doing.
local PAUSES = {
  busy = "busy",
  user_busy = "busy",
  no_answer = "no_answer",
  cancelled = "no_answer",
  declined = "declined",
  unreachable = "unreachable",
  congestion = "unreachable",
  failed = "unreachable",
  invalid = "unreachable",
  redirected = "unreachable",
  blocked = "unreachable",
  no_route = "unreachable",
  forbidden = "unreachable",
}

--- How an agent's leg has ended, if that was not the agent's own wish.
---@param leg Call
---@return string? cause
function M.lost(leg)
  return leg.state == "ended" and leg.hangup_by == "engine" and (leg.hangup_cause or "lost") or nil
end

--- Its leg has ended, which was to stay open or was in a conversation: it is paused,
--- or has logged out by that.
---@param agent Agent
---@param leg Call
---@return boolean whether that is so
function M.gone(agent, leg)
  local why = M.lost(leg)
  if not why and not (agent.nailed and leg.state == "ended") then
    return false
  end
  agent.call, agent.nailed, agent.wanted = nil, false, nil
  if why then
    moon.log.warn("agent %s is paused: its telephone is gone (%s)", agent.name, why)
    agent:set("paused", why)
  else
    agent:set("offline", "hangup")
  end
  return true
end

--- Whoever was asked and does not get CALL is as before, or paused.
---@param call Call
---@param agents Agent[]
---@param taken Agent?
---@param pause string?
function M.release(call, agents, taken, pause)
  for _, agent in ipairs(agents) do
    if agent ~= taken and agent.state == "reserved" and agent.party == call then
      agent.party = nil
      if agent.wanted then
        agent:end_wrapup()
      else
        agent:set(pause and "paused" or "ready", pause)
      end
    end
  end
end

--- The agent whose leg CALL is.
local function answered_by(agents, call)
  for _, agent in ipairs(agents) do
    local target = agent.spec.target
    if call.endpoint and target == "endpoint:" .. call.endpoint or target == call.to_uri or target == call.to_user then
      return agent
    end
  end
  return agents[1]
end

--- What the agent's telephone shows: the number of the party, where the call does
--- not leave by a trunk that would not have it.
local function shown(call, targets)
  for _, target in ipairs(targets) do
    if not target:match("^endpoint:") and not target:match("^sips?:") then
      return nil
    end
  end
  local number = call.direction == "in" and call.from_user or call.to_user
  return number and number:match("^[%w+._-]+$")
end

--- Call those who have no open leg.
---@return Agent?
---@return Call|string|nil leg; nobody: why they are paused
local function dial(call, group, agents, left)
  local targets, patience = {}, group.spec.answer_timeout
  for i, agent in ipairs(agents) do
    targets[i] = agent.spec.target
    patience = agent.spec.answer_timeout or patience
  end
  local leg, reason = moon.dial(targets, {
    caller = call,
    timeout = math.max(M.MOMENT, math.min(patience, left)),
    media_timeout_hangup = group.spec.lost_after > 0 and math.max(1, group.spec.lost_after) or nil,
    display_name = call.display_name,
    from = shown(call, targets),
  })
  if leg then
    return answered_by(agents, leg), leg
  end
  local pause = PAUSES[reason]
  if pause == "no_answer" and left < patience then
    pause = nil -- cut short for want of time: it would have had longer
  end
  return nil, pause
end

--- An agent of the offer with a leg that is open; nil: none could be reached, and
--- all are ready again, or paused.
---@param call Call
---@param group Group
---@param agents Agent[] reserved
---@param deadline number
---@return Agent?
---@return Call?
function M.reach(call, group, agents, deadline)
  local taken, leg
  local others = {}
  -- the caller may hang up in the midst of it
  local _ <close> = setmetatable({}, {
    __close = function(_, err)
      M.release(call, agents, taken, err == nil and not taken and leg or nil)
    end,
  })
  for _, agent in ipairs(agents) do
    local open = agent.nailed and agent.call
    if open and open.state == "answered" then
      taken, leg = agent, open
      return taken, leg
    elseif open then
      M.gone(agent, open)
    elseif agent.spec.target then
      others[#others + 1] = agent
    end
  end
  if #others > 0 then
    taken, leg = dial(call, group, others, deadline - moon.now())
  end
  if taken then
    return taken, leg
  end
  return nil
end

return M
