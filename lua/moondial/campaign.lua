--- Campaigns: calls out to a list of leads, until each has its disposition.
---
--- Everything that must survive a crash is in the database (db/README.md): a
--- lead is claimed, then noted as being dialled, durably, and only then its
--- INVITE leaves; its result is noted in one transaction. What is here is the
--- work of one run:
---
---   run() ─ tick ─► claim ─► a task for each lead: dial ─► flow ─► finish
---              ▲                                                    │
---              └──────────── wake ◄─────────────────────────────────┘
local moon = require "moondial"
local leads = require "moondial.leads"
local options = require "moondial.campaign_options"
local pacing = require "moondial.pacing"
local report = require "moondial.campaign_report"
local retry = require "moondial.retry"

local M = {}

local TICK = 0.1 -- seconds: the longest that something due waits
local PROGRESS = 10 -- seconds between two lines of progress
local RATE_WINDOW = 10 -- seconds over which the rate is measured

--- Campaigns of this generation of scripts, by name.
---@type table<string, Campaign>
local campaigns = {}

---@class Campaign
---@field name string
---@field state "stopped"|"running"|"paused"|"done"
---@field spec table checked options
---@field active integer calls being dialled or talked to
---@field why string? why nothing is being dialled
local Campaign = {}
Campaign.__index = Campaign

local function now_ms()
  return math.floor(moon.now() * 1000)
end

local function sql(name)
  return moon.db.sql(name)
end

local function query(name, ...)
  return moon.db.query(sql(name), ...)
end

local function exec(name, ...)
  return moon.db.exec(sql(name), ...)
end

-- ---- one lead --------------------------------------------------------------

--- What the flow sees: the columns of the lead's row in the CSV, and its
--- number, id and attempt.
local function lead_object(row, attempt)
  local lead = {}
  for name, value in pairs(moon.json.decode(row.fields_json or "{}")) do
    lead[name] = value
  end
  lead.phone, lead.id, lead.attempt = row.phone, row.id, attempt
  return lead
end

--- Note in the database that the lead is about to be dialled. Its attempt's
--- number; nil when it is not ours any more.
local function note_dialing(row)
  local now = now_ms()
  local rows = moon.db.transaction {
    { sql "lead_dial", now, row.id },
    { sql "attempt_begin", now, row.id },
  }
  return rows[1] and rows[1].attempts
end

--- Note what came of an attempt, and what becomes of the lead.
function Campaign:finish(lead, disposition, sip_code, cdr_id)
  local now = moon.now()
  local state, next_at = retry.decide(self.spec.retry, disposition, lead.attempt, now)
  moon.db.transaction {
    { sql "attempt_finish", now_ms(), disposition, sip_code or moon.db.null, cdr_id or moon.db.null,
      lead.id, lead.attempt },
    { sql "lead_finish", state, disposition, math.floor(next_at * 1000), now_ms(), lead.id },
  }
end

--- The call's part, in a task of its own: whatever happens to it, the caller
--- of this goes on. The flow's result is the disposition; without one the
--- flow's own call.disposition, or how it ended.
function Campaign:talk(lead, outcome)
  local call, reason, failed = moon.dial(lead.phone, {
    trunk = self.spec.trunk,
    from = self.spec.from,
    timeout = self.spec.timeout,
    campaign = self.name,
    lead = lead,
  })
  if not call then
    outcome.call, outcome.disposition = failed, failed and failed.disposition or reason
    return
  end
  outcome.call = call
  self.answered = self.answered + 1
  local _ <close> = setmetatable({}, {
    __close = function(_, err)
      local hung_up = err ~= nil and type(err) == "table" and err.code == "hangup"
      outcome.disposition = outcome.result or call.disposition
        or (hung_up and "hung_up") or (err ~= nil and "error") or "answered"
      call.disposition = outcome.disposition
    end,
  })
  local result = self.spec.flow(call, lead)
  if result ~= nil and (type(result) ~= "string" or result == "") then
    error(("the flow of campaign '%s' returned a %s; a disposition is a string")
      :format(self.name, type(result)), 0)
  end
  outcome.result = result
end

--- From the claim to the result.
function Campaign:attempt(row)
  local attempt = note_dialing(row)
  if not attempt then
    return
  end
  local lead = lead_object(row, attempt)
  local outcome = {}
  self:count_dialled()
  local task = moon.spawn(self.talk, self, lead, outcome)
  task:wait()
  local call = outcome.call
  self:finish(lead, outcome.disposition or "error", call and call.sip_code, call and call.id)
end

function Campaign:start_attempt(row)
  self.active = self.active + 1
  moon.spawn(function()
    local _ <close> = setmetatable({}, {
      __close = function()
        self.active = self.active - 1
      end,
    })
    self:attempt(row)
  end)
end

-- ---- the run ---------------------------------------------------------------

function Campaign:count_dialled()
  self.dialled_at[#self.dialled_at + 1] = moon.now()
end

--- Calls begun a second, over the last ten.
function Campaign:rate()
  local from = moon.now() - RATE_WINDOW
  while self.dialled_at[1] and self.dialled_at[1] < from do
    table.remove(self.dialled_at, 1)
  end
  return #self.dialled_at / RATE_WINDOW
end

--- Claim up to COUNT leads that are due.
function Campaign:claim(count)
  local now = now_ms()
  return moon.db.transaction {
    { sql "lead_promote", now, self.name, now },
    { sql "lead_claim", now, self.name, count },
  }
end

--- Leads whose call had ended when the last engine died, before its result was
--- noted: by the same rules now.
function Campaign:finish_left_over()
  for _, row in ipairs(query("campaign_unfinished", self.name)) do
    local lead = lead_object(row, row.attempts)
    self:finish(lead, row.disposition, row.sip_code, row.cdr_id)
  end
  local unknown = #query("campaign_unknown", self.name)
  if unknown > 0 then
    moon.log.warn("campaign %s: %d lead(s) were being called when the engine died; they are not called again "
      .. "by themselves: moondial campaign report %s", self.name, unknown, self.name)
  end
end

--- Start what may start now. Returns the seconds to wait for more.
function Campaign:tick()
  local allowed = self.pacer:allowed(moon.now(), self.active)
  if allowed == 0 then
    self.why = self.active >= self.pacer.concurrent and "all channels are in use" or "the rate limit is reached"
    return math.min(TICK, math.max(0.005, self.pacer:wait()))
  end
  local rows = self:claim(allowed)
  for _, row in ipairs(rows) do
    self.pacer:started()
    self:start_attempt(row)
  end
  if #rows > 0 then
    self.why = nil
    return 0
  end
  return self:look_ahead()
end

--- Nothing is due: how long until something is? nil: never.
function Campaign:look_ahead()
  if self.active > 0 then
    self.why = "no lead is due now"
    return TICK
  end
  local due = query("campaign_next_due", self.name)[1].next_at_ms
  if not due then
    if query("campaign_open", self.name)[1].leads > 0 then
      return TICK -- another part of the engine is finishing them
    end
    return nil
  end
  local wait = due / 1000 - moon.now()
  self.why = ("the next retry is due in %.0f s"):format(math.max(0, wait))
  return math.max(0.01, math.min(1, wait))
end

function Campaign:log_progress()
  local now = moon.now()
  if now < self.progress_at then
    return
  end
  self.progress_at = now + PROGRESS
  moon.log.info("%s", report.progress(self:figures()))
end

function Campaign:dial_all()
  while true do
    if self.state == "paused" then
      self.why = "it is paused"
      moon.sleep(TICK)
    else
      local wait = self:tick()
      if not wait then
        return
      elseif wait > 0 then
        moon.sleep(wait)
      end
    end
    self:log_progress()
  end
end

--- Import the leads, if that is still to be done, then call them all.
function Campaign:run()
  exec("campaign_put", self.name, moon.db.null, self.spec.leads or moon.db.null, now_ms())
  local row = query("campaign_get", self.name)[1]
  if self.spec.leads and not row.imported_at_ms then
    local result = leads.import(self.name, self.spec.leads)
    leads.log(self.name, result)
  end
  if row.state == "paused" then
    self.state = "paused"
    moon.log.warn("campaign %s is paused, as it was before; go on with: moondial campaign start %s", self.name,
      self.name)
  else
    exec("campaign_start", now_ms(), self.name)
    self.state = "running"
  end
  self:finish_left_over()
  self:dial_all()
  self.state = "done"
  exec("campaign_end", "done", now_ms(), self.name)
  moon.log.info("campaign %s is done\n%s", self.name, report.summary(self.name, query("campaign_report", self.name)))
end

--- Begin, or go on after a pause.
---@return string what has happened
function Campaign:start()
  if self.state == "paused" then
    exec("campaign_start", now_ms(), self.name)
    self.state = "running"
    return ("campaign %s goes on"):format(self.name)
  elseif self.state == "running" then
    return ("campaign %s is running"):format(self.name)
  end
  self.state = "running"
  self.task = moon.spawn(self.run, self)
  return ("campaign %s has started"):format(self.name)
end

--- Dial nobody more; calls that go on may end.
---@return string
function Campaign:pause()
  if self.state ~= "running" and self.state ~= "paused" then
    error({ code = "state", message = ("campaign %s is not running"):format(self.name) }, 0)
  end
  self.state = "paused"
  exec("campaign_pause", self.name)
  return ("campaign %s is paused; %d call(s) go on"):format(self.name, self.active)
end

--- State and figures, for status and progress.
function Campaign:figures()
  local totals = query("campaign_totals", self.name, self.name)[1]
  return {
    name = self.name,
    state = self.state,
    why = self.why,
    active = self.active,
    rate = self:rate(),
    leads = totals.leads,
    dialled = totals.dialled,
    done = totals.done,
    attempts = totals.attempts,
    answered = totals.answered,
  }
end

-- ---- by name ---------------------------------------------------------------

--- Define a campaign: `return campaign{…}` in a script that `moondial run` or
--- `moondial campaign start` is given.
---@param given table name, trunk, leads, from, timeout, pacing, retry, flow
---@return Campaign
local function define(_, given)
  local spec = options.check(given, moon.config.campaign)
  if campaigns[spec.name] then
    error({ code = "options", message = ("campaign: there are two campaigns '%s'"):format(spec.name) }, 0)
  end
  local self = setmetatable({
    name = spec.name,
    spec = spec,
    state = "stopped",
    active = 0,
    answered = 0,
    dialled_at = {},
    progress_at = moon.now() + PROGRESS,
    pacer = pacing.new(spec.pacing),
  }, Campaign)
  campaigns[spec.name] = self
  return self
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

--- Commands of the control socket: "start", "pause", "status".
---@param action string
function M.control(action, ...)
  if action == "start" then
    local name = ...
    if name:find("[/]") or name:match("%.lua$") then
      local loaded = moon.load(name)
      if getmetatable(loaded) ~= Campaign then
        error({ code = "options", message = ("%s returns no campaign"):format(name) }, 0)
      end
      return loaded:start()
    end
    return find(name):start()
  elseif action == "pause" then
    return find((...)):pause()
  elseif action == "status" then
    local format, name = ...
    local list = {}
    for known, c in pairs(campaigns) do
      if not name or known == name then
        list[#list + 1] = c:figures()
      end
    end
    if name and #list == 0 then
      find(name)
    end
    table.sort(list, function(a, b) return a.name < b.name end)
    return report.status(list, format)
  end
  error({ code = "unknown", message = ("campaign: unknown command '%s'"):format(tostring(action)) }, 0)
end

return setmetatable(M, { __call = define })
