--- The agents of a campaign: from a lead's answer to what the agent says of it.
local moon = require "moondial"
local abandonment = require "moondial.compliance.abandonment"

local M = {}

local WITHIN = 2 -- seconds, as of call:connect_agent
local SHORTEST = 0.1 -- an agent who is ready has a chance in any case
local AHEAD = 0.25 -- seconds, an eighth of the time at most: the message for those without an agent is heard in it, too

--- An agent for the lead, and their conversation: its own; when that one is not there any
--- more, whoever is ready. False: there was nobody in time; the lead has heard the
--- message for that.
---@param spec table the campaign's options
---@param call Call
---@param lead table
---@param attempt table tell: hears each step; agent: whose it is; greeted_at: when the lead had greeted,
---from which on it waits
---@return boolean served
function M.serve(spec, call, lead, attempt)
  local opts = {}
  for name, value in pairs(spec.agents) do
    if name ~= "message" and name ~= "opt_out" then
      opts[name] = value
    end
  end
  opts.data, opts.agent, opts.or_another = lead, attempt.agent, true
  local within = opts.within or WITHIN
  if spec.agents.message then
    within = within - math.min(AHEAD, within / 8)
  end
  if attempt.greeted_at then
    opts.since = attempt.greeted_at
    within = math.max(SHORTEST, within - (moon.now() - attempt.greeted_at))
  end
  opts.within = within
  opts.on_agent = function() attempt.tell("agent") end
  local agent = call:connect_agent(opts)
  if not agent then
    attempt.tell("abandoned")
    M.abandoned(spec, call)
    return false
  end
  if not spec.flow then
    call:hangup() -- the lead needn't listen while the agent wraps up
  end
  if call.state == "ended" then
    attempt.tell("hung_up")
  end
  if not spec.flow then
    agent:await_disposition(call)
  end
  return true
end

--- A person was reached, and no agent: say whose call it was, and let a key opt
--- out.
function M.abandoned(spec, call)
  abandonment.message(call, spec.agents.message, spec.agents.opt_out)
end

return M
