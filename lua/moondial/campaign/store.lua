--- A campaign's leads in the database (db/README.md tells tables and queries).
--- Each function is one durable step; it waits, and raises {code, message} when
--- the database can't do it.
local moon = require "moondial"
local database = require "moondial.database"

local M = {}

local PROMOTED = 200 -- leads that come due at once, at most: the rest with the next claim

local TALKING_NOTED = 0.25 -- seconds until it is noted that leads have answered

local PUT_OFF = 2000 -- leads of a closed zone that are put off at a time
local AT_ONCE = 500 -- of these in one step, 6 ms: others' steps come between

local null = moon.db.null

local now_ms, query, exec, transaction = database.now_ms, database.query, database.exec, database.transaction

local function sql(name)
  return moon.db.sql(name)
end

--- Make the campaign known. Its row.
---@param name string
---@param source string? the file of leads
---@param region string? of its numbers
function M.open(name, source, region)
  exec("campaign_put", name, null, source or null, region or null, now_ms())
  return query("campaign_get", name)[1]
end

function M.set_running(name)
  exec("campaign_start", now_ms(), name)
end

function M.set_paused(name)
  exec("campaign_pause", name)
end

function M.set_done(name)
  exec("campaign_end", "done", now_ms(), name)
end

--- Put back what an earlier run (before a reload) had claimed or noted without
--- having called.
function M.take_over(name)
  transaction {
    { sql "campaign_release", now_ms(), name },
    { sql "attempts_undo", name },
    { sql "leads_undial", now_ms(), name },
  }
end

--- Up to COUNT leads that are due, due retries before fresh ones. What it costs
--- doesn't grow with the number of leads.
function M.claim(name, count)
  local now = now_ms()
  return transaction {
    { sql "lead_promote", now, name, now, PROMOTED },
    { sql "lead_claim", now, name, count },
  }
end

--- Leads of a closed zone.
local function put_off(campaign, hours, now)
  for _ = 1, PUT_OFF // AT_ONCE do
    local changed = exec("leads_defer", math.ceil(hours.at * 1000), hours.reason, now, campaign, hours.zones, AT_ONCE)
    if changed < AT_ONCE then
      return
    end
  end
end

--- What has become of claimed leads that are not dialled now, in one step. Then leads
--- of zones that are closed are put off, two thousand at a time: whoever may be called
--- needn't wait until each has been looked at.
---@param held {id: string, verdict: "later"|"final"|"release", at: number?, disposition: string?, reason: string?}[]
---@param campaign string?
---@param closed {zones: string, at: number, reason: string}[]?
function M.put_back(held, campaign, closed)
  local statements, now = {}, now_ms()
  for i, lead in ipairs(held) do
    if lead.verdict == "later" then
      statements[i] = { sql "lead_defer", math.ceil(lead.at * 1000), lead.reason, now, lead.id }
    elseif lead.verdict == "final" then
      statements[i] = { sql "lead_close", lead.disposition, lead.reason, now, lead.id }
    else
      statements[i] = { sql "lead_release", now, lead.id }
    end
  end
  if #statements > 0 then
    transaction(statements)
  end
  for _, hours in ipairs(closed or {}) do
    put_off(campaign, hours, now)
  end
end

--- An agent is ready: leads that have waited for it are due, those first that have waited
--- longest.
---@param name string
---@param agent string
---@param count integer at most
---@return integer woken
function M.wake_callbacks(name, agent, count)
  return exec("callbacks_wake", now_ms(), now_ms(), name, agent, count)
end

--- Note that the lead is about to be dialled. Only then its INVITE may leave.
---@param id string
---@param number string that is dialled
---@return integer? attempt its number; nil: the lead is not ours any more
function M.note_dialing(id, number)
  local now = now_ms()
  local rows = transaction {
    { sql "lead_dial", now, id },
    { sql "attempt_begin", now, number, id },
  }
  return rows[1] and rows[1].attempts
end

--- Leads that have answered since the last note of them.
local answered = {}

--- Note that it has answered. Nothing hangs on it, it is for those who look: all of
--- a quarter of a second are noted in one step, and who has ended by then isn't.
---@param id string
function M.note_talking(id)
  if next(answered) == nil then
    moon.after(TALKING_NOTED, function()
      local now, statements = now_ms(), {}
      for lead in pairs(answered) do
        statements[#statements + 1] = { sql "lead_talking", now, lead }
      end
      answered = {}
      if #statements > 0 then
        moon.db.transaction(statements)
      end
    end)
  end
  answered[id] = true
end

--- The number of the attempt that is noted and not over. After any note that is
--- still on its way.
---@return integer? attempt
function M.noted(id)
  local row = transaction({ { sql "lead_get", id } })[1]
  return row and row.state == "ringing" and row.attempts or nil
end

--- The attempt did not happen: no INVITE has left.
function M.undial(id, attempt)
  transaction {
    { sql "attempt_undo", id, attempt },
    { sql "lead_undial", now_ms(), id },
  }
end

---@class AttemptResult
---@field id string the lead's
---@field attempt integer
---@field disposition string
---@field sip_code integer?
---@field cdr_id string?
---@field state "scheduled"|"done"
---@field next_at number seconds
---@field wait_reason string? why it waits until then
---@field numbers string? that are left to be tried
---@field agent string? who calls back
---@field forgive boolean? the attempt doesn't count
---@field at number? when the call ended, seconds; nil: now
---@field counts AnswerCounts? for the abandonment of the day

--- The engine's own date.
local function date(time)
  return os.date("%Y-%m-%d", time // 1 | 0)
end

--- Note what has come of an attempt: once, however often it is said.
---@param result AttemptResult
function M.finish(result)
  answered[result.id] = nil
  local statements, counts = {}, result.counts
  if counts then
    statements[1] = { sql "abandonment_add", date(result.at or moon.now()), counts.live, counts.abandoned,
      counts.machines, result.id, result.attempt }
  end
  if result.forgive then
    statements[#statements + 1] = { sql "lead_forgive", result.id, result.attempt }
  end
  statements[#statements + 1] = { sql "attempt_finish", now_ms(), result.disposition, result.sip_code or null,
    result.cdr_id or null, result.id, result.attempt }
  statements[#statements + 1] = { sql "lead_finish", result.state, result.disposition,
    math.floor(result.next_at * 1000), result.wait_reason or null, result.numbers or null, result.agent or null,
    now_ms(), result.id, result.attempt }
  transaction(statements)
end

--- Who answered and got no agent, by day: of the last DAYS days.
---@param name string
---@param days integer
---@return {day: string, live: integer, abandoned: integer, machines: integer}[]
function M.abandonment(name, days)
  return query("abandonment_list", name, date(moon.now() - (days - 1) * 86400))
end

--- One lead of a campaign by its id or number, for an agent. It is claimed then.
---@return table? row as of claim; nil: it is not there, or not to be called now
function M.take(name, what)
  return transaction({ { sql "lead_take", now_ms(), name, what, what } })[1]
end

--- Leads whose call had ended when an engine died, their result not noted.
function M.unfinished(name)
  return query("campaign_unfinished", name)
end

--- How many were being called when an engine died.
function M.unknown(name)
  return #query("campaign_unknown", name)
end

--- When the next lead that waits is due (seconds), and why it waits; or nil.
function M.next_due(name)
  local row = query("campaign_next_due", name)[1]
  if row then
    return row.next_at_ms / 1000, row.wait_reason
  end
end

--- 0: no lead may be called any more, and none is being called.
function M.open_leads(name)
  return query("campaign_open", name)[1].leads
end

--- Calls since then (seconds): of a campaign, of a lead, of a number by whichever
--- campaign (and when the first of them was).
function M.campaign_attempts(name, since)
  return query("campaign_attempts", name, math.floor(since * 1000))[1].attempts
end

function M.lead_attempts(id, since)
  return query("lead_attempts", id, math.floor(since * 1000))[1].attempts
end

function M.number_attempts(number, since)
  local row = query("number_attempts", number, math.floor(since * 1000))[1]
  return row.attempts, row.first_at_ms and row.first_at_ms / 1000
end

function M.report(name)
  return query("campaign_report", name)
end

return M
