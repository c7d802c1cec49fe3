--- Campaigns as scripts define them and people start, pause and look at them; the
--- work itself is in campaign.run.
local moon = require "moondial"
local audit = require "moondial.compliance.audit"
local calls = require "moondial.campaign.calls"
local connect_options = require "moondial.agents.connect_options"
local gates = require "moondial.campaign.gates"
local new_leads = require "moondial.leads"
local options = require "moondial.campaign.options"
local pacing = require "moondial.campaign.pacing"
local preview = require "moondial.campaign.preview"
local reasons = require "moondial.campaign.why"
local store = require "moondial.campaign.store"
local totals = require "moondial.campaign.totals"
local run = require "moondial.campaign.run"

local M = {}

--- Of all generations of scripts: what is going on, by campaign, and the files
--- that `moondial campaign start` was given.
moon.shared.campaigns = moon.shared.campaigns or { live = {}, files = {} }
local shared = moon.shared.campaigns

--- Campaigns of this generation, by name.
---@type table<string, Campaign>
local campaigns = {}

--- The folder of the file that moon.load runs now: leads are looked for there.
local folder

---@class Campaign: CampaignRun
local Campaign = setmetatable({}, { __index = run })
Campaign.__index = Campaign

--- A script's doing, for the audit trail.
local function note(self, action, detail)
  local file = shared.files[self.name] or moon.file
  audit.by_script(file:match("[^/]*$"), action, self.name, detail)
end

local function go_on(self)
  store.set_running(self.name)
  self.state, self.why, self.errors = "running", nil, 0
end

--- Begin, or go on after a pause. Waits.
---@param who Who? of the command that says so; nil: a script
---@return string what has happened
function Campaign:start(who)
  if self.state == "paused" then
    go_on(self)
    if not who then
      note(self, "start")
    end
    return ("campaign %s goes on"):format(self.name)
  elseif self.state == "running" then
    return ("campaign %s is running"):format(self.name)
  end
  self.state, self.why, self.prepared = "running", nil, false
  moon.spawn(self.supervise, self)
  return ("campaign %s has started"):format(self.name)
end

--- Dial nobody more; calls that go on may end. Waits.
---@param who Who? of the command that says so; nil: a script
---@param why string? the engine does by itself, and why
---@return string what has happened
function Campaign:pause(who, why)
  if self.state ~= "running" and self.state ~= "paused" then
    error({ code = "state", message = ("campaign %s is %s"):format(self.name, self.state) }, 0)
  end
  self.state = "paused"
  store.set_paused(self.name)
  self.preview:drop()
  if why then
    audit.by_script(nil, "pause", self.name, why)
  elseif not who then
    note(self, "pause")
  end
  return ("campaign %s is paused; %d call(s) go on"):format(self.name, self.live.channels)
end

--- Put a lead into the campaign: { phone = "…", name = "…", priority = 5 }. Waits.
---@param lead NewLead
---@return boolean? added true: new; false: the campaign had the number
---@return string? reason why it is none: added is nil then
function Campaign:add_lead(lead)
  local result = new_leads.add(self.name, { lead }, { region = self.spec.region, list = self.spec.list,
    elsewhere = self.spec.unique == "all" })
  if result.bad[1] then
    return nil, result.bad[1].reason
  elseif result.elsewhere > 0 then
    return nil, "another campaign has this number"
  end
  return result.imported > 0
end

--- One sentence about a lead of it: why it isn't being called now, and when it
--- will be. Waits.
---@param lead string its number or id
---@return string
function Campaign:explain(lead)
  return reasons.of(lead, self.name)
end

--- In one sentence: why it dials nobody now, or not more than it does.
---@return string? reason nil: it dials as fast as it may
function Campaign:reason()
  if self.state == "done" then
    return "every lead is done"
  elseif self.state == "stopped" then
    return self.why or "it has not been started"
  elseif self.live.with_agents and #self.group.agents == 0 then
    return ("no agent is in group '%s'"):format(self.group.name)
  end
  return self.why
end

--- State and figures, for status and progress. Of many leads they may be some seconds
--- old. Waits.
---@param fresh boolean? they must not be
function Campaign:figures(fresh)
  local figures, live, now = totals.of(self.name, fresh), self.live, moon.now()
  figures.name, figures.state, figures.why = self.name, self.state, self:reason()
  figures.active, figures.rate = live.channels, live:rate()
  figures.pacing = live.pacer:figures(now)
  if self.group then
    figures.agents = {}
    for _, agent in ipairs(self.group:snapshot()) do
      figures.agents[agent.state] = (figures.agents[agent.state] or 0) + 1
    end
    figures.waiting = live.waiting
  end
  return figures
end

-- ---- while it runs ---------------------------------------------------------

--- What may be changed while it runs.
local LIVE = { pacing = true, retry = true, timeout = true, from = true }

--- Change options while it runs: campaign:set{pacing = {rate = 5}}. Until the
--- engine stops or its script is loaded again. It is in the audit trail. Waits. Raises
--- {code = "options"}.
---@param changes table as in campaign{…}: pacing, retry, timeout, from
---@param who Who? of the command that says so; nil: a script
function Campaign:set(changes, who)
  for name in pairs(changes) do
    if not LIVE[name] then
      error({ code = "options", message = ("campaign %s: '%s' can't be changed while it runs (pacing, retry, timeout, "
        .. "from can)"):format(self.name, tostring(name)) }, 0)
    end
  end
  local merged = options.merge(self.changes, changes)
  local spec = options.check(self.given, options.merge(moon.config.campaign, merged), moon.file, self.folder)
  for name in pairs(LIVE) do
    self.spec[name] = spec[name]
  end
  self.changes = merged
  self.live.pacer:set(spec.pacing)
  self.live.with_agents = pacing.agent_modes[spec.pacing.mode] or false
  if not who then
    note(self, "set", audit.words(changes))
  end
end

--- The agent of that name in the campaign's group. Raises {code = "unknown"}.
local function agent_of(self, name)
  for _, agent in ipairs(self.group and self.group.agents or {}) do
    if agent.name == name then
      return agent
    end
  end
  error({ code = "unknown", message = ("campaign %s has no agent '%s'"):format(self.name, name) }, 0)
end

--- Reserve whoever accepts a lead, or is to: no other call comes in between. Raises
--- {code = "state"} when that can't be.
---@param name string? nil: one who is ready
---@return AgentHold
local function hold_agent(self, name)
  local agent = name and agent_of(self, name)
  local hold
  if agent then
    hold = agent:hold()
  elseif self.group then
    hold = self.group:hold(connect_options.skills(self.spec.agents.skills))
  end
  if not hold then
    error({ code = "state", message = agent and ("agent %s is %s"):format(name, agent.state == "ready"
      and "not to be reached" or agent.state) or ("campaign %s: no agent is ready"):format(self.name) }, 0)
  end
  return hold
end

--- Modes in which agents choose, and no others.
local function check_choice(self)
  if self.state ~= "running" then
    error({ code = "state", message = ("campaign %s is %s"):format(self.name, self.state) }, 0)
  elseif not self.prepared then
    error({ code = "state", message = ("campaign %s is starting: its leads are not there yet"):format(self.name) }, 0)
  elseif not preview.modes[self.spec.pacing.mode] then
    error({ code = "state", message = ("campaign %s dials by itself (pacing.mode is %s)"):format(self.name,
      self.spec.pacing.mode) }, 0)
  end
end

--- The next lead for an agent to look at (mode preview), held until it is dialled
--- or skipped, five minutes at most; the same as long as it is. Waits. Raises {code =
--- "unknown"} when the campaign has no such agent, {code = "state"} while a lead is
--- dialled for it.
---@param agent string? its name
---@return table? lead id, phone, attempts, disposition, fields; nil: none is due
---@return string? why those that are due may not be called now
function Campaign:next(agent)
  check_choice(self)
  if agent and agent_of(self, agent).held then
    error({ code = "state", message = ("agent %s is about to talk: its lead is being dialled"):format(agent) }, 0)
  end
  local row, why = self.preview:next(agent)
  if not row then
    return nil, why
  end
  return { id = row.id, phone = row.phone, attempts = row.attempts, disposition = row.disposition,
    fields = moon.json.decode(row.fields_json or "{}") }
end

--- Dial a lead: one that an agent has seen, or any of the campaign's (modes preview
--- and manual). The agent is reserved from now on. Waits. Raises {code = "state"} when
--- the agent is not ready, {code = "unknown"} when it is no lead that may be called
--- now.
---@param lead string id or number
---@param agent string? who is to talk to it; nil: whom it is offered to, else one who is ready
function Campaign:dial(lead, agent)
  check_choice(self)
  agent = agent or self.preview:agent_of(lead)
  local hold = hold_agent(self, agent)
  local ok, row = pcall(self.preview.accept, self.preview, lead, agent, hold)
  if not ok then
    hold.agent:let_go(hold)
    error(row, 0)
  end
  return row.phone
end

--- Not this lead now: it is offered again in SECONDS (900). Waits.
---@param lead string id or number
---@param seconds number?
function Campaign:skip(lead, seconds)
  check_choice(self)
  return self.preview:skip(lead, seconds).phone
end

-- ---- by name ---------------------------------------------------------------

--- Define a campaign: `return campaign{…}` in a script that `moondial run` or
--- `moondial campaign start` is given.
---@param given table name, trunk, leads, from, timeout, pacing, retry, flow
---@return Campaign
local function define(_, given)
  local from = folder -- to read files may take a while, in which another campaign is begun
  local ok, spec = pcall(options.check, given, moon.config.campaign, moon.file, from)
  if not ok then
    if not from and not next(shared.live) then
      moon.stop(1) -- files may have been read meanwhile: `moondial run` of it has not begun all the same
    end
    error(spec, 0)
  end
  local known = campaigns[spec.name]
  if known and known.state == "running" then
    error({ code = "options", message = ("campaign: '%s' is running already"):format(spec.name) }, 0)
  elseif known and known.state == "paused" then
    error({ code = "options", message = ("campaign: '%s' is paused; to go on: moondial campaign start %s (with what "
      .. "its file says now: moondial reload before)"):format(spec.name, spec.name) }, 0)
  end
  if from and spec.leads and spec.leads:sub(1, 1) ~= "/" then
    spec.leads = from .. spec.leads
  end
  local live = shared.live[spec.name] or calls.new(pacing.new(spec.pacing, run.day_of))
  shared.live[spec.name] = live
  live.pacer:set(spec.pacing)
  live.with_agents = pacing.agent_modes[spec.pacing.mode] or false
  live.group = spec.agents and spec.agents.group
  local self = setmetatable({
    name = spec.name,
    given = given,
    folder = from,
    changes = {},
    spec = spec,
    group = spec.agents and require("moondial.agents").group(spec.agents.group) or nil,
    state = "stopped",
    live = live,
    quiet_until = 0,
    claimed = {},
    look = 0,
    prepared = false,
    errors = 0,
    is_main = from == nil,
  }, Campaign)
  self.preview = preview.new(spec.name, function(rows)
    local pass, _, why, hold = gates.sift(spec, rows, 1, moon.now())
    return pass[1], why, hold
  end)
  campaigns[spec.name] = self
  return self
end

--- Load a file that returns a campaign, and start that.
---@param path string
---@return string what has happened
function M.start_file(path)
  folder = path:match("^(.*/)") or ""
  local ok, loaded = pcall(moon.load, path)
  folder = nil
  if not ok then
    error(loaded, 0)
  elseif getmetatable(loaded) ~= Campaign then
    error({ code = "options", message = path .. " returns no campaign" }, 0)
  end
  shared.files[loaded.name] = path
  return loaded:start()
end

--- After a reload: campaigns whose files `campaign start` was given go on with
--- what these files say now.
function M.resume()
  local files = shared.files
  shared.files = {}
  for name, path in pairs(files) do
    if campaigns[name] then
      shared.files[name] = path
    else
      local ok, err = pcall(M.start_file, path)
      if not ok then
        shared.files[name] = path -- for when it has been put right
        moon.log.error("campaign %s has stopped: %s", name, type(err) == "table" and err.message or tostring(err))
      end
    end
  end
end

reasons.live = function(name)
  return campaigns[name]
end

--- The campaigns of the scripts in force, by name.
---@return table<string, Campaign>
function M.all()
  return campaigns
end

--- The campaign of that name. Raises {code = "unknown"}, with the names that there
--- are.
---@param name string
---@return Campaign
function M.find(name)
  local found = campaigns[name]
  if found then
    return found
  end
  local names = {}
  for known in pairs(campaigns) do
    names[#names + 1] = known
  end
  table.sort(names)
  error({ code = "unknown", message = ("there is no campaign '%s' in the running engine%s"):format(name,
    #names > 0 and "; there are: " .. table.concat(names, ", ") or "") }, 0)
end

--- The name of the campaign that the file PATH returns, which was started by it;
--- any other text is a name itself.
---@param path string
---@return string
function M.name_of(path)
  for name, file in pairs(shared.files) do
    if file == path then
      return name
    end
  end
  return path
end

return setmetatable(M, { __call = define })
