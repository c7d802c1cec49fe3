--- A campaign's run: leads are claimed and called until each has its disposition.
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
local callbacks = require "moondial.campaign.callbacks"
local calls = require "moondial.campaign.calls"
local dnc = require "moondial.compliance.dnc"
local gates = require "moondial.campaign.gates"
local leads = require "moondial.leads.import"
local options = require "moondial.campaign.options"
local preview = require "moondial.campaign.preview"
local reasons = require "moondial.campaign.why"
local report = require "moondial.campaign.report"
local slips = require "moondial.campaign.slips"
local store = require "moondial.campaign.store"
local totals = require "moondial.campaign.totals"

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
local RESTART = 1 -- seconds after which a run that died goes on

---@class CampaignRun
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
local Run = {}

--- Reach a lead, in a task of its own.
---@param row table of lead_claim
---@param agent string? who has accepted it; nil: who is to call back, or anyone
---@param hold AgentHold? of whoever is to talk to it
function Run:call(row, agent, hold)
  local live, work = self.live, { spec = self.spec, row = row, agent = agent or row.agent, hold = hold }
  work.tell = function(event, what) return live[event](live, work, what) end
  live:begin(work)
  self:work_on(work)
end

--- A task that dies (no memory, a slice that is over) leaves its work where
--- it was, and another goes on with it: no lead is lost.
---@param work AttemptWork
function Run:work_on(work)
  moon.spawn(function()
    local _ <close> = setmetatable({}, {
      __close = function(_, err)
        if type(err) == "string" and (work.deaths or 0) < DEATHS_MAX then
          work.deaths = (work.deaths or 0) + 1
          self:work_on(work)
        else
          self.live:over(work)
          if work.hold then
            work.hold.agent:let_go(work.hold) -- it has not got the lead
          end
        end
      end,
    })
    self:came(attempts.run(work))
  end)
end

--- What has come of an attempt.
function Run:came(came, reason, disposition)
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
function Run:denied(reason)
  local now = moon.now()
  self.denied_since = self.denied_since or now
  self:be_quiet("the carrier refuses our credentials: " .. reason)
  if now - self.denied_since > DENIED_MAX then
    self.denied_since = nil
    self:give_up(self.quiet_why)
  end
end

--- What is wrong would be wrong for every lead: pause instead of using them up.
function Run:give_up(why)
  if self.state == "running" then
    self:pause(nil, why)
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
function Run:unreachable()
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
function Run:allowed(now)
  local live = self.live
  -- those that are being noted have no place yet among the engine's
  local room, room_why = moon.room(AT_ONCE + live.pending, self.spec.trunk or default_trunk())
  local ringing, waiting = {}, 0
  if self.group then
    ringing, waiting = calls.for_group(moon.shared.campaigns.live, self.group.name, now, function(other)
      return self.group:shared_with(other)
    end)
  end
  local count, why, wait = live.pacer:tick {
    now = now,
    agents = self.group and self.group:snapshot(),
    ringing = ringing,
    waiting = waiting,
    active = live.channels,
    accepted = #self.preview.accepted,
    room = room_why and math.max(0, room - live.pending),
    room_why = room_why,
  }
  if count == 0 and room_why then
    wait = FULL_WAIT
  end
  live.coming = math.min(count, AT_ONCE)
  return live.coming, why, wait
end

--- In modes in which agents choose: what they have accepted.
function Run:call_accepted(count)
  for _, offer in ipairs(self.preview:take(count)) do
    if offer.hold then
      offer.hold.begun = true
    end
    self:call(offer.row, offer.agent, offer.hold)
  end
end

--- Start what may start now. Returns the seconds to wait for more; nil: all
--- leads are done.
function Run:tick()
  local now = moon.now()
  self.live.coming = 0
  self.preview:tidy_up(now)
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
  if self.group then
    callbacks.wake(self.name, self.group)
  end
  local count, limit, wait = self:allowed(now)
  if count == 0 then
    self.why = limit
    if self:is_over(now) then
      return nil
    end
    return math.min(TICK, math.max(0.005, wait or TICK))
  elseif preview.modes[self.spec.pacing.mode] then
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
function Run:be_quiet(why)
  self.quiet_until, self.quiet_why = moon.now() + BACK_OFF, why
end

--- Begin with those of the claimed that may be called, ROOM at most.
---@param room integer?
function Run:call_claimed(room)
  if not self.claimed.sifted then
    local pass, stopped, reason, hold = gates.sift(self.spec, self.claimed, room or #self.claimed, moon.now(),
      self.live.called_for)
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
  self.live.coming = 0
  while #self.claimed > 0 do
    self:call(table.remove(self.claimed, 1))
  end
end

--- Whether no lead is left, where none is asked for since no agent is there. It is
--- looked at once a second.
function Run:is_over(now)
  if not self.group or self.live.active > 0 or now < (self.look_at or 0) then
    return false
  end
  self.look_at = now + 1
  return store.open_leads(self.name) == 0
end

--- Nothing is due: how long until something is? nil: never.
function Run:look_ahead(now)
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

function Run:call_all()
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
function Run:tidy_up()
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

local minute, today -- the last that was asked for: no date changes within a minute

--- The number of a day, by the engine's own date.
---@param now number seconds
---@return integer
function Run.day_of(now)
  if now // 60 ~= minute then
    local date = os.date("*t", now // 1 | 0)
    minute, today = now // 60, os.time { year = date.year, month = date.month, day = date.day, hour = 12 } // 86400
  end
  return today
end

--- What earlier runs have counted: it bounds this one.
function Run:load_abandonment()
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
function Run:warn_of_old_lists()
  local days = self.spec.compliance and self.spec.compliance.list_days
  for _, list in ipairs(days and dnc.old(days) or {}) do
    moon.log.warn("campaign %s: the do-not-call list %s is %.0f days old; the rules ask for one of at most %d days",
      self.name, list.name, (moon.now() - list.imported_at_ms / 1000) / 86400, days)
  end
end

--- A campaign without leads, or that names agents, a trunk or prompts that there are
--- not, dials nobody, or says nothing: most likely a slip.
function Run:warn_of_slips()
  for _, slip in ipairs(slips.find(self.spec, self.group)) do
    moon.log.warn("campaign %s: %s (%s)", self.name, slip.text, slip.option)
  end
  if not self.spec.leads and totals.of(self.name).leads == 0 then
    moon.log.warn("campaign %s has no leads: give it a file (leads = \"leads.csv\"), or: moondial campaign import "
      .. "%s FILE", self.name, self.name)
  end
end

--- Import the leads, if that is still to be done.
function Run:prepare()
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
    moon.shared.campaigns.files[self.name] or moon.file)
  self:warn_of_old_lists()
  self:warn_of_slips()
  self:tidy_up()
  if self.live.active == 0 then
    self:load_abandonment()
  end
end

--- Say with the campaign's name what has ended it: a file of leads that can't
--- be read, a database that fails.
function Run:stopped(err)
  self.state, self.live.coming = "stopped", 0
  self.why = type(err) == "table" and err.message or tostring(err)
  moon.log.error("campaign %s has stopped: %s", self.name, self.why)
  pcall(self.preview.drop, self.preview)
end

--- Prepare, once, then call all leads.
function Run:run()
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
  moon.log.info("%s", report.progress(self:figures(true)))
end

--- A run that dies (no memory, a slice that is over) is begun again: a campaign
--- stops for a reason that it tells.
function Run:supervise()
  while true do
    local _, how, text = moon.spawn(self.run, self):wait()
    if how ~= "error" or self.state == "stopped" then
      return
    end
    moon.log.error("campaign %s: %s; it goes on in %d s", self.name, text, RESTART)
    moon.sleep(RESTART)
  end
end

return Run
