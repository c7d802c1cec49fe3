--- Agents: people who talk to those whom a campaign has reached, or who call.
---
---   agents.define ─► login (by phone, from Lua, by `moondial agent`) ─► ready
---   call:connect_agent, call:enqueue ─► group (strategy) ─► agent ─► bridge
---
--- States are of the engine, not of a generation of scripts: a reload logs
--- nobody out. Each change is a row of agent_states, and the event "agent".
local moon = require "moondial"
local agent_module = require "moondial.agents.agent"
local connect = require "moondial.agents.connect"
local group_module = require "moondial.agents.group"
local line = require "moondial.agents.line"
local log = require "moondial.agents.log"
local options = require "moondial.agents.options"
local report = require "moondial.agents.report"

local M = {}

moon.shared.agents = moon.shared.agents or { agents = {}, groups = {} }
local shared = moon.shared.agents

---@type table<string, Agent>
local agents = shared.agents
---@type table<string, Group>
local groups = shared.groups

M.connect_agent, M.enqueue = connect.connect_agent, connect.enqueue

local function fail(code, fmt, ...)
  error({ code = code, message = fmt:format(...) }, 0)
end

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return #names > 0 and "; there are: " .. table.concat(names, ", ") or ""
end

-- ---- who there is -------------------------------------------------------------

--- The group of that name: it comes into being when it is named first.
---@param name string
---@return Group
function M.group(name)
  if not groups[name] then
    groups[name] = group_module.new(options.group { name = name })
  end
  return groups[name]
end

--- A group with options: strategy, wrapup, answer_timeout, lost_after, announce,
--- music, dispositions.
---@param given table
---@return Group
function M.define_group(given)
  local spec = options.group(given)
  local group = M.group(spec.name)
  group.spec = spec
  return group
end

local function leave_groups(agent)
  for _, group in pairs(groups) do
    for i = #group.agents, 1, -1 do
      if group.agents[i] == agent then
        table.remove(group.agents, i)
      end
    end
  end
end

--- An agent: name, target, groups, skills, pin, nailed_up, wrapup,
--- answer_timeout. Defined again it has the new options, and its state.
---@param given table
---@return Agent
function M.define(given)
  local spec = options.agent(given)
  local agent = agents[spec.name]
  if agent then
    leave_groups(agent)
    agent.spec = spec
  else
    agent = agent_module.new(spec)
    agents[spec.name] = agent
  end
  for name in pairs(spec.groups) do
    table.insert(M.group(name).agents, agent)
  end
  return agent
end

--- The agent of that name. Raises {code = "unknown"}.
---@param name string
---@return Agent
function M.agent(name)
  if not agents[name] then
    fail("unknown", "there is no agent '%s'%s", tostring(name), names_of(agents))
  end
  return agents[name]
end

--- Those who have the endpoint NAME as their telephone: several where shifts share it.
---@param endpoint string
---@return Agent[]
function M.of_endpoint(endpoint)
  local list = {}
  for _, agent in pairs(agents) do
    if agent.spec.target == "endpoint:" .. endpoint then
      list[#list + 1] = agent
    end
  end
  return list
end

--- All, by name.
---@return Agent[]
function M.all()
  local list = {}
  for _, agent in pairs(agents) do
    list[#list + 1] = agent
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Each agent's name, state, reason, since and groups.
---@return table[]
function M.snapshot()
  local list = {}
  for i, agent in ipairs(M.all()) do
    list[i] = { name = agent.name, state = agent.state, reason = agent.reason, since = agent.since, calls = agent.taken,
      talked = agent.talked, call = agent.party and agent.state ~= "ready" and agent.party.id or nil,
      nailed_up = agent.nailed, groups = agent.spec.groups }
  end
  return list
end

-- ---- what they do ---------------------------------------------------------------

--- Log in: ready at once, or when its leg is open, if that stays so.
---@param name string
---@param opts table? call: the leg that it has called us with, which stays open
---@return Agent
function M.login(name, opts)
  local agent = M.agent(name)
  local open = opts and opts.call
  if agent:is_logged_in() and agent.state ~= "paused" and not open then
    return agent
  end
  if open then
    line.attach(agent, open)
  elseif agent.spec.nailed_up then
    line.call_in(agent)
  elseif not agent.spec.target then
    fail("state", "agent %s has no target: it logs in by phone", name)
  end
  if agent.call or not agent.spec.nailed_up then
    agent:want("ready")
  end
  return agent
end

--- Ready for calls. It has to be logged in. While it has a call: after that.
function M.ready(name)
  local agent = M.agent(name)
  if not agent:is_logged_in() then
    return M.login(name)
  elseif agent.spec.nailed_up and not agent.call then
    return M.login(name)
  end
  agent:want("ready")
  return agent
end

--- No calls for now, and why. While it has a call: after that.
---@param reason string? "pause"
function M.pause(name, reason)
  local agent = M.agent(name)
  if not agent:is_logged_in() then
    fail("state", "agent %s is not logged in", name)
  end
  agent:want("paused", reason or "pause")
  return agent
end

--- Its day is over. While it has a call: after that.
function M.logout(name)
  local agent = M.agent(name)
  if agent:is_logged_in() then
    agent:want("offline", "logout")
  end
  return agent
end

--- What its last call was about; ends wrap-up. False: there was none.
---@param name string
---@param disposition string
---@return boolean
function M.dispose(name, disposition)
  return M.agent(name):dispose(disposition)
end

--- Hear the call of an agent, unheard (monitor), heard by the agent alone
--- (whisper), or by both (barge), until that call is over, or SUPERVISOR hangs
--- up or presses a digit of opts.leave_on.
local function listen(mode)
  return function(supervisor, name, opts)
    local agent = type(name) == "table" and name or M.agent(name)
    if agent.state ~= "talking" or not agent.call then
      return nil, "not_talking"
    end
    return supervisor:monitor(agent.call, { mode = mode, leave_on = opts and opts.leave_on })
  end
end

--- (supervisor, agent[, opts]) → {reason, duration}, or nil, "not_talking"
M.monitor, M.whisper, M.barge = listen("monitor"), listen("whisper"), listen("barge")

--- The line that agents call: who is it, then music, calls, keys.
M.line = line.serve

-- ---- the command line -------------------------------------------------------------

local function described(agent)
  return ("agent %s is %s%s"):format(agent.name, agent.state, agent.reason and " (" .. agent.reason .. ")" or "")
end

--- Also "after its call".
local function told(agent)
  local wanted = agent.wanted
  return described(agent) .. (wanted and ("; %s after this call"):format(wanted[1]) or "")
end

local commands = {}

function commands.list(format)
  local queues = {}
  for name, group in pairs(groups) do
    local waiting, longest = group:queue()
    queues[#queues + 1] = { name = name, waiting = waiting, longest = longest }
  end
  table.sort(queues, function(a, b) return a.name < b.name end)
  return report.list(M.snapshot(), queues, format, moon.now())
end

--- The engine has started, or loaded its scripts again: they are defined.
function commands.begin() end

function commands.login(name)
  local agent = M.login(name)
  return agent.state == "offline" and ("agent %s is being called"):format(name) or told(agent)
end

function commands.ready(name)
  return told(M.ready(name))
end

function commands.pause(name, reason)
  return told(M.pause(name, reason))
end

function commands.logout(name)
  return told(M.logout(name))
end

function commands.dispose(name, disposition)
  if not M.dispose(name, disposition) then
    fail("state", "agent %s has no call to tell of", name)
  end
  return told(M.agent(name))
end

---@param action "list"|"login"|"ready"|"pause"|"logout"|"dispose"
function M.control(action, ...)
  local command = commands[action]
  if not command then
    fail("unknown", "agent: unknown command '%s'%s", tostring(action), names_of(commands))
  end
  return command(...)
end

-- ---- beginning ----------------------------------------------------------------------

line.agent, line.of_endpoint, line.login = M.agent, M.of_endpoint, M.login
connect.group, agent_module.group_of = M.group, M.group

--- What the engine tells of telephones: who can't be reached gets no calls.
local function on_reachability(event)
  for _, agent in ipairs(event.kind == "endpoint" and M.of_endpoint(event.name) or {}) do
    if agent.nailed then
      goto next
    elseif event.state == "unreachable" and agent.state == "ready" then
      agent:set("paused", "unreachable")
    elseif event.state == "reachable" and agent.state == "paused" and agent.reason == "unreachable" then
      agent:set("ready")
    end
    ::next::
  end
end

--- The engine is to stop: legs that are open and idle would keep it from that.
local function on_drain()
  for _, agent in pairs(agents) do
    if agent.nailed then
      agent:want("offline", "drain")
    end
  end
end

--- Telephones are watched while somebody is logged in: an engine with nobody
--- there, and nothing else to do, may end.
local watching

local function cancel_all(list)
  for _, subscription in ipairs(list) do
    subscription:cancel()
  end
end

local function watch_telephones()
  local wanted = false
  for _, agent in pairs(agents) do
    wanted = wanted or agent:is_logged_in()
  end
  if wanted and not watching then
    watching = {}
    -- in a task: it is to belong to no call, whoever logs in first
    moon.spawn(function()
      local list = { moon.on("reachability", on_reachability), moon.on("drain", on_drain) }
      if watching then
        watching = list
      else
        cancel_all(list)
      end
    end)
  elseif watching and not wanted then
    cancel_all(watching)
    watching = nil
  end
end

function agent_module.on_change(agent, event)
  moon.emit("agent", event)
  watch_telephones()
  if agent.state == "ready" then
    for name in pairs(agent.spec.groups) do
      groups[name]:dispatch()
    end
  end
end

--- Those of the configuration; those of an earlier generation of scripts.
local function begin()
  for _, agent in pairs(agents) do
    agent_module.adopt(agent)
    if agent.state == "wrapup" then
      agent:time_wrapup()
    end
  end
  for _, group in pairs(groups) do
    group_module.adopt(group)
  end
  for _, agent in pairs(agents) do
    if agent.held and not agent.held.begun then
      agent:let_go(agent.held) -- nobody dials for it any more
    end
  end
  for _, given in ipairs(moon.config.agent_groups or {}) do
    M.define_group(given)
  end
  for _, given in ipairs(moon.config.agents or {}) do
    M.define(given)
  end
  watch_telephones()
  log.tidy_up(agents)
end

begin()

return M
