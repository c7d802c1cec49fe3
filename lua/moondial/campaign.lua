--- Campaigns: calls out to a list of leads, until each has its disposition.
---
--- What must survive a crash is in the database: a lead is claimed, then noted
--- as being dialled, durably, and only then its INVITE leaves; its result is
--- noted in one transaction. What is here is the work of one run:
---
---   run ─► tick ─► the pacer says how many ─► claim ─► a task for each lead
---            ▲                                          (campaign.attempt)
---            │                                             │
---            └──────── next tick ◄── campaign.calls ◄──────┘  what has come of it
local moon = require "moondial"
local audit = require "moondial.compliance.audit"
local attempts = require "moondial.campaign.attempt"
local calls = require "moondial.campaign.calls"
local dnc = require "moondial.compliance.dnc"
local gates = require "moondial.campaign.gates"
local leads = require "moondial.leads.import"
local new_leads = require "moondial.leads"
local options = require "moondial.campaign.options"
local pacing = require "moondial.campaign.pacing"
local preview = require "moondial.campaign.preview"
local reasons = require "moondial.campaign.why"
local report = require "moondial.campaign.report"
local store = require "moondial.campaign.store"

local M = {}

local TICK = 0.1 -- seconds: the longest that a lead that is due waits
local BACK_OFF = 1 -- seconds without a call after a limit was met
local ERRORS_MAX = 5 -- calls in a row that may end with an error of the flow
local DENIED_MAX = 30 -- seconds that a carrier may refuse our credentials (an account may still be registering)
local PROGRESS = 10 -- seconds between two lines of progress
local MONTH = 30 -- days of abandonment that are read at the start, at least
local AT_ONCE = 50 -- leads begun without a wait: well within a slice
local LOOKED_AT = 200 -- leads claimed at once while none of them may be called
local FULL_WAIT = 0.02 -- seconds until the engine is asked for room again
local DEATHS_MAX = 3 -- tasks that die over one lead
local AGENTS_CHOOSE = { preview = true, manual = true }
local RESTART = 1 -- seconds after which a run that died goes on

--- Of all generations of scripts: what is going on, by campaign, and the files
--- that `moondial campaign start` was given.
moon.shared.campaigns = moon.shared.campaigns or { live = {}, files = {} }
local shared = moon.shared.campaigns

--- Campaigns of this generation, by name.
---@type table<string, Campaign>
local campaigns = {}

--- The folder of the file that moon.load runs now: leads are looked for there.
local folder

---@class Campaign
---@field name string
---@field spec table checked options
---@field folder string? where its files are looked for
---@field state "stopped"|"running"|"paused"|"done"
---@field live CampaignCalls shared with earlier generations
---@field group Group? its agents
---@field preview Preview
---@field why string? why nothing is being dialled
---@field claimed table[] rows of leads that are ours, and not begun; `sifted`: they may be called
---@field look integer how many are claimed next, when more are stopped than called
---@field prepared boolean leads are imported, what an earlier run has left is seen to
---@field is_main boolean the main script returns it: its failure at the start is the engine's
local Campaign = {}
Campaign.__index = Campaign

-- ---- the run ---------------------------------------------------------------

--- Reach a lead, in a task of its own.
---@param row table of lead_claim
---@param agent string? who has accepted it; nil: who is to call back, or anyone
function Campaign:call(row, agent)
  local live, work = self.live, { spec = self.spec, row = row, agent = agent or row.agent }
  work.tell = function(event, what) return live[event](live, work, what) end
  live:begin(work)
  self:work_on(work)
end

--- A task that dies (no memory, a slice that is over) leaves its work where
--- it was, and another goes on with it: no lead is lost.
---@param work AttemptWork
function Campaign:work_on(work)
  moon.spawn(function()
    local _ <close> = setmetatable({}, {
      __close = function(_, err)
        if type(err) == "string" and (work.deaths or 0) < DEATHS_MAX then
          work.deaths = (work.deaths or 0) + 1
          self:work_on(work)
        else
          self.live:over(work)
        end
      end,
    })
    self:came(attempts.run(work))
  end)
end

--- What has come of an attempt.
function Campaign:came(came, reason, disposition)
  if came == "later" then
    self:be_quiet(reason)
  elseif came == "refused" then
    self:give_up("its calls can't be made: " .. reason)
  elseif came == "denied" then
    self:denied(reason)
  elseif came == "done" then
    self.denied_since = nil
    self.errors = disposition == "error" and self.errors + 1 or 0
    if self.errors >= ERRORS_MAX then
      self:give_up(("the last %d calls ended with an error of the flow"):format(ERRORS_MAX))
    end
  end
end

--- The carrier asks for credentials that we have not, or not yet.
function Campaign:denied(reason)
  local now = moon.now()
  self.denied_since = self.denied_since or now
  self:be_quiet("the carrier refuses our credentials: " .. reason)
  if now - self.denied_since > DENIED_MAX then
    self.denied_since = nil
    self:give_up(self.quiet_why)
  end
end

--- What is wrong would be wrong for every lead: pause instead of using them up.
function Campaign:give_up(why)
  if self.state == "running" then
    self:pause()
    moon.log.error("campaign %s is paused: %s; to go on: moondial campaign start %s", self.name, why, self.name)
  end
end

--- The trunk of those who name none, as moon.dial chooses it; nil: none.
local function default_trunk()
  local all = moon.trunks()
  return moon.config.default_trunk or #all == 1 and all[1].name or nil
end

--- Why no call can leave: its trunks are all unreachable; nil when one is not.
--- Leads wait then, and no attempt of theirs is used up.
function Campaign:unreachable()
  local names = self.spec.trunk or default_trunk()
  names = type(names) == "table" and names or { names }
  local why
  for _, name in ipairs(names) do
    local trunk = moon.trunk(name)
    if not trunk or trunk.reachable ~= false then
      return nil
    end
    why = ("trunk %s is unreachable: %s"):format(name, trunk.reason)
  end
  return why
end

--- How many the pacer, the engine and the trunks allow now, and what limits them.
---@return integer count
---@return string why
---@return number? wait seconds
function Campaign:allowed(now)
  local live = self.live
  -- those that are being noted have no place yet among the engine's
  local room, room_why = moon.room(AT_ONCE + live.pending, self.spec.trunk or default_trunk())
  local count, why, wait = live.pacer:tick {
    now = now,
    agents = self.group and self.group:snapshot(now),
    ringing = self.group and live:ages(now) or {},
    waiting = live.waiting,
    active = live.active,
    accepted = #self.preview.accepted,
    room = room_why and math.max(0, room - live.pending),
    room_why = room_why,
  }
  if count == 0 and room_why then
    wait = FULL_WAIT
  end
  return math.min(count, AT_ONCE), why, wait
end

--- In modes in which agents choose: what they have accepted.
function Campaign:call_accepted(count)
  for _, offer in ipairs(self.preview:take(count)) do
    self:call(offer.row, offer.agent)
  end
end

--- Start what may start now. Returns the seconds to wait for more; nil: all
--- leads are done.
function Campaign:tick()
  local now = moon.now()
  if self.state == "paused" then
    self.why = "it is paused"
    return TICK
  elseif now < self.quiet_until then
    self.why = self.quiet_why
    return math.min(TICK, self.quiet_until - now)
  end
  local unreachable = self:unreachable()
  if unreachable then
    self.why = unreachable
    return TICK
  end
  self.preview:tidy_up(now)
  local count, limit, wait = self:allowed(now)
  if count == 0 then
    self.why = limit
    if self:is_over(now) then
      return nil
    end
    return math.min(TICK, math.max(0.005, wait or TICK))
  elseif AGENTS_CHOOSE[self.spec.pacing.mode] then
    self:call_accepted(count)
    return 0
  end
  local room, shut = gates.room(self.spec, now, count)
  if room == 0 and store.open_leads(self.name) > 0 then
    self:be_quiet(shut)
    return 0
  end
  self.claimed = store.claim(self.name, math.max(room, self.look))
  if #self.claimed == 0 then
    return self:look_ahead(now)
  end
  self:call_claimed(room)
  return 0
end

--- Nobody is called for a while.
function Campaign:be_quiet(why)
  self.quiet_until, self.quiet_why = moon.now() + BACK_OFF, why
end

--- Begin with those of the claimed that may be called, ROOM at most.
---@param room integer?
function Campaign:call_claimed(room)
  if not self.claimed.sifted then
    local pass, stopped, reason, hold = gates.sift(self.spec, self.claimed, room or #self.claimed, moon.now())
    pass.sifted = true
    if hold then
      self:be_quiet(reason)
    end
    self.claimed = pass
    self.look = #pass == 0 and stopped > 0 and math.min(LOOKED_AT, 2 * math.max(AT_ONCE, self.look)) or 0
    self.why = #pass == 0 and reason or nil
  end
  if self.state == "paused" then -- meanwhile
    gates.release(self.claimed)
    self.claimed = {}
  end
  while #self.claimed > 0 do
    self:call(table.remove(self.claimed, 1))
  end
end

--- Whether no lead is left, where none is asked for since no agent is there. It is
--- looked at once a second.
function Campaign:is_over(now)
  if not self.group or self.live.active > 0 or now < (self.look_at or 0) then
    return false
  end
  self.look_at = now + 1
  return store.open_leads(self.name) == 0
end

--- Nothing is due: how long until something is? nil: never.
function Campaign:look_ahead(now)
  if self.live.active > 0 then
    self.why = "no lead is due now"
    return TICK
  end
  local due, reason = store.next_due(self.name)
  if due then
    self.why = reasons.next_due(due, reason, now)
    return math.max(0.01, math.min(1, due - now))
  end
  return store.open_leads(self.name) > 0 and TICK or nil
end

function Campaign:call_all()
  local progress_at = moon.now() + PROGRESS
  self:call_claimed() -- what a run that died has left
  while true do
    local wait = self:tick()
    if not wait then
      return
    elseif wait > 0 then
      moon.sleep(wait)
    end
    if moon.now() >= progress_at then
      progress_at = moon.now() + PROGRESS
      moon.log.info("%s", report.progress(self:figures()))
    end
  end
end

--- What a crash or a reload has left.
function Campaign:tidy_up()
  store.take_over(self.name)
  for _, row in ipairs(store.unfinished(self.name)) do
    attempts.finish_left_over(self.spec, row)
  end
  local unknown = store.unknown(self.name)
  if unknown > 0 then
    moon.log.warn("campaign %s: %d lead(s) were being called when an engine died; they are not called again by "
      .. "themselves (disposition unknown)", self.name, unknown)
  end
end

--- The number of a day, by the engine's own date.
local function day_of(now)
  local date = os.date("*t", now // 1 | 0)
  return os.time { year = date.year, month = date.month, day = date.day, hour = 12 } // 86400
end

--- What earlier runs have counted: it bounds this one.
function Campaign:load_abandonment()
  local days = MONTH
  for _, window in ipairs(self.live.pacer.options.abandon_days) do
    days = math.max(days, window)
  end
  for _, row in ipairs(store.abandonment(self.name, days)) do
    local year, month, day = row.day:match("^(%d+)-(%d+)-(%d+)$")
    self.live.pacer.record:load(os.time { year = year, month = month, day = day, hour = 12 } // 86400, row)
  end
end

--- A register changes every day: what is too old protects too few.
function Campaign:warn_of_old_lists()
  local days = self.spec.compliance and self.spec.compliance.list_days
  for _, list in ipairs(days and dnc.old(days) or {}) do
    moon.log.warn("campaign %s: the do-not-call list %s is %.0f days old; the rules ask for one of at most %d days",
      self.name, list.name, (moon.now() - list.imported_at_ms / 1000) / 86400, days)
  end
end

--- Prompts that options name and nobody has recorded.
function Campaign:warn_of_prompts()
  local agents, machine = self.spec.agents or {}, self.spec.machine or {}
  for option, name in pairs { ["agents.message"] = agents.message, ["agents.announce"] = agents.announce,
    ["agents.music"] = agents.music, ["machine.message"] = machine.message } do
    if type(name) == "string" and not moon.find_prompt(name) then
      moon.log.warn("campaign %s: there is no prompt '%s' (%s)", self.name, name, option)
    end
  end
end

--- A campaign without leads, or for agents or a trunk that there are not, dials nobody:
--- most likely a slip.
function Campaign:warn_of_slips()
  if self.group and #self.group.agents == 0 then
    moon.log.warn("campaign %s: no agent is in group '%s'", self.name, self.group.name)
  end
  local trunk = self.spec.trunk
  for _, name in ipairs(type(trunk) == "table" and trunk or { trunk }) do
    if not moon.trunk(name) then
      moon.log.warn("campaign %s: there is no trunk '%s'", self.name, name)
    end
  end
  if not self.spec.leads and store.totals(self.name).leads == 0 then
    moon.log.warn("campaign %s has no leads: give it a file (leads = \"leads.csv\"), or: moondial campaign import "
      .. "%s FILE", self.name, self.name)
  end
end

--- Import the leads, if that is still to be done.
function Campaign:prepare()
  local spec = self.spec
  local row = store.open(self.name, spec.leads, spec.region)
  if spec.leads and not row.imported_at_ms then
    leads.log(spec.leads, leads.import(self.name, spec.leads,
      { region = spec.region, list = spec.list, numbers = spec.phones, elsewhere = spec.unique == "all" }))
  elseif spec.leads and row.source ~= spec.leads then
    moon.log.warn("campaign %s has its leads already, of %s: %s is not read; to add them: moondial campaign import "
      .. "%s %s", self.name, row.source or "another file", spec.leads, self.name, spec.leads)
  end
  if row.state == "paused" then
    self.state = "paused"
    moon.log.warn("campaign %s is paused, as it was before; to go on: moondial campaign start %s", self.name, self.name)
  else
    store.set_running(self.name)
  end
  audit.options(self.name, audit.flat(options.merge(self.given, moon.config.campaign)),
    shared.files[self.name] or moon.file)
  self:warn_of_old_lists()
  self:warn_of_slips()
  self:warn_of_prompts()
  self:tidy_up()
  if self.live.active == 0 then
    self:load_abandonment()
  end
end

--- Say with the campaign's name what has ended it: a file of leads that can't
--- be read, a database that fails.
function Campaign:stopped(err)
  self.state = "stopped"
  self.why = type(err) == "table" and err.message or tostring(err)
  moon.log.error("campaign %s has stopped: %s", self.name, self.why)
end

--- Prepare, once, then call all leads.
function Campaign:run()
  local ok, err
  if not self.prepared then
    ok, err = pcall(self.prepare, self)
    if not ok then
      self:stopped(err)
      if self.is_main then
        moon.stop(1) -- `moondial run` of it has not begun
      end
      return
    end
    self.prepared = true
  end
  ok, err = pcall(self.call_all, self)
  if not ok then
    self:stopped(err)
    return
  end
  self.state, self.why = "done", nil
  store.set_done(self.name)
  moon.log.info("%s", report.progress(self:figures()))
end

--- A run that dies (no memory, a slice that is over) is begun again: a campaign
--- stops for a reason that it tells.
function Campaign:supervise()
  while true do
    local _, how, text = moon.spawn(self.run, self):wait()
    if how ~= "error" or self.state == "stopped" then
      return
    end
    moon.log.error("campaign %s: %s; it goes on in %d s", self.name, text, RESTART)
    moon.sleep(RESTART)
  end
end

--- Begin, or go on after a pause.
---@return string what has happened
function Campaign:start()
  if self.state == "paused" then
    store.set_running(self.name)
    self.state, self.why, self.errors = "running", nil, 0
    return ("campaign %s goes on"):format(self.name)
  elseif self.state == "running" then
    return ("campaign %s is running"):format(self.name)
  end
  self.state, self.why, self.prepared = "running", nil, false
  moon.spawn(self.supervise, self)
  return ("campaign %s has started"):format(self.name)
end

--- Dial nobody more; calls that go on may end.
---@return string what has happened
function Campaign:pause()
  if self.state ~= "running" and self.state ~= "paused" then
    error({ code = "state", message = ("campaign %s is %s"):format(self.name, self.state) }, 0)
  end
  self.state = "paused"
  store.set_paused(self.name)
  return ("campaign %s is paused; %d call(s) go on"):format(self.name, self.live.active)
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

--- State and figures, for status and progress.
function Campaign:figures()
  local figures, live, now = store.totals(self.name), self.live, moon.now()
  figures.name, figures.state, figures.why = self.name, self.state, self:reason()
  figures.active, figures.rate = live.active, live:rate()
  figures.pacing = live.pacer:figures(now)
  if self.group then
    figures.agents = {}
    for _, agent in ipairs(self.group:snapshot(now)) do
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
--- engine stops or its script is loaded again. Raises {code = "options"}.
---@param changes table as in campaign{…}: pacing, retry, timeout, from
function Campaign:set(changes)
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
end

--- Whoever accepts a lead must be ready for it.
local function check_agent(self, name)
  local ready = 0
  for _, agent in ipairs(self.group and self.group:snapshot(moon.now()) or {}) do
    if agent.name == name and agent.state ~= "ready" then
      error({ code = "state", message = ("agent %s is %s"):format(name, agent.state) }, 0)
    elseif agent.name == name then
      return
    elseif agent.state == "ready" then
      ready = ready + 1
    end
  end
  if name then
    error({ code = "unknown", message = ("campaign %s has no agent '%s'"):format(self.name, name) }, 0)
  elseif ready == 0 then
    error({ code = "state", message = ("campaign %s: no agent is ready"):format(self.name) }, 0)
  end
end

--- Modes in which agents choose, and no others.
local function check_choice(self)
  if self.state ~= "running" then
    error({ code = "state", message = ("campaign %s is %s"):format(self.name, self.state) }, 0)
  elseif not AGENTS_CHOOSE[self.spec.pacing.mode] then
    error({ code = "state", message = ("campaign %s dials by itself (pacing.mode is %s)"):format(self.name,
      self.spec.pacing.mode) }, 0)
  end
end

--- The next lead for an agent to look at (mode preview), held until it is dialled
--- or skipped, five minutes at most. Waits.
---@param agent string? its name
---@return table? lead id, phone, attempts, disposition, fields; nil: none is due
---@return string? why those that are due may not be called now
function Campaign:next(agent)
  check_choice(self)
  local row, why = self.preview:next(agent)
  if not row then
    return nil, why
  end
  return { id = row.id, phone = row.phone, attempts = row.attempts, disposition = row.disposition,
    fields = moon.json.decode(row.fields_json or "{}") }
end

--- Dial a lead: one that an agent has seen, or any of the campaign's (modes preview
--- and manual). Waits. Raises {code = "state"} when the agent is not ready, {code =
--- "unknown"} when it is no lead that may be called now.
---@param lead string id or number
---@param agent string? who is to talk to it; nil: whoever is ready
function Campaign:dial(lead, agent)
  check_choice(self)
  check_agent(self, agent)
  return self.preview:accept(lead, agent).phone
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
  local ok, spec = pcall(options.check, given, moon.config.campaign, moon.file, folder)
  if not ok then
    if not folder and not next(shared.live) then
      moon.stop(1) -- files may have been read meanwhile: `moondial run` of it has not begun all the same
    end
    error(spec, 0)
  end
  if campaigns[spec.name] and campaigns[spec.name].state == "running" then
    error({ code = "options", message = ("campaign: '%s' is running already"):format(spec.name) }, 0)
  end
  if folder and spec.leads and spec.leads:sub(1, 1) ~= "/" then
    spec.leads = folder .. spec.leads
  end
  local live = shared.live[spec.name] or calls.new(pacing.new(spec.pacing, day_of))
  shared.live[spec.name] = live
  live.pacer:set(spec.pacing)
  live.with_agents = pacing.agent_modes[spec.pacing.mode] or false
  local self = setmetatable({
    name = spec.name,
    given = given,
    folder = folder,
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
    is_main = folder == nil,
  }, Campaign)
  self.preview = preview.new(spec.name, function(rows)
    local pass, _, why, hold = gates.sift(spec, rows, 1, moon.now())
    return pass[1], why, hold
  end)
  campaigns[spec.name] = self
  return self
end

--- Load a file that returns a campaign, and start that.
local function start_file(path)
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
  for name, path in pairs(shared.files) do
    if not campaigns[name] then
      local ok, err = pcall(start_file, path)
      if not ok then
        moon.log.error("campaign %s has stopped: %s", name, type(err) == "table" and err.message or tostring(err))
      end
    end
  end
end

reasons.live = function(name)
  return campaigns[name]
end

local function find(name)
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

--- Commands of the control socket.
local commands = {}

function commands.start(name)
  if name:find("/", 1, true) or name:find("%.lua$") then
    return start_file(name)
  end
  return find(name):start()
end

function commands.pause(name)
  return find(name):pause()
end

function commands.status(format, name)
  local list = {}
  if name then
    list[1] = find(name):figures()
  else
    for _, campaign in pairs(campaigns) do
      list[#list + 1] = campaign:figures()
    end
    table.sort(list, function(a, b) return a.name < b.name end)
  end
  return report.status(list, format)
end

--- Why a lead isn't being called now: of the campaign NAME, or of each that has it.
---@param lead string number or id
---@param name string?
function commands.why(lead, name)
  return reasons.of(lead, name)
end

--- "pacing.rate=5" → pacing = { rate = 5 }.
local function changes_of(words)
  local changes = {}
  for _, word in ipairs(words) do
    local path, text = word:match("^([%w_%.]+)=(.*)$")
    if not path then
      error({ code = "options", message = ("campaign set: '%s' is not NAME=VALUE"):format(word) }, 0)
    end
    local at = changes
    for name in path:gmatch("([^%.]+)%.") do
      at[name] = at[name] or {}
      at = at[name]
    end
    at[path:match("[^%.]+$")] = options.value(text)
  end
  return changes
end

function commands.set(name, ...)
  find(name):set(changes_of { ... })
  return ("campaign %s: %s"):format(name, table.concat({ ... }, ", "))
end

function commands.next(format, name, agent)
  local lead, why = find(name):next(agent)
  return report.lead(lead, format, why)
end

function commands.dial(name, lead, agent)
  return ("campaign %s calls %s"):format(name, find(name):dial(lead, agent))
end

function commands.skip(name, lead)
  return ("campaign %s skips %s"):format(name, find(name):skip(lead))
end

---@param action "start"|"pause"|"status"|"set"|"next"|"dial"|"skip"|"why"
function M.control(action, ...)
  local command = commands[action]
  if not command then
    error({ code = "unknown", message = ("campaign: unknown command '%s'"):format(tostring(action)) }, 0)
  end
  return command(...)
end

--- A command of the control socket, with who has given it: it goes to the audit
--- trail.
---@param who Who
---@param action string
function M.command(who, action, name, ...)
  local result = M.control(action, name, ...)
  local campaign = name
  for known, path in pairs(shared.files) do
    campaign = path == name and known or campaign
  end
  audit.command(who, action, campaign, ...)
  return result
end

return setmetatable(M, { __call = define })
