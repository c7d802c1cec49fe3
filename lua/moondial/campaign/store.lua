--- A campaign's leads in the database (db/README.md tells tables and queries).
--- Each function is one durable step; it waits, and raises {code, message} when
--- the database can't do it.
local moon = require "moondial"

local M = {}

local function now_ms()
  return math.floor(moon.now() * 1000)
end

local function sql(name)
  return moon.db.sql(name)
end

-- What moon.db returns when it fails in normal life: nil, code, message.
local function must(result, code, message)
  if result == nil then
    error({ code = code, message = "database: " .. message }, 0)
  end
  return result
end

local function query(name, ...)
  return must(moon.db.query(sql(name), ...))
end

local function exec(name, ...)
  return must(moon.db.exec(sql(name), ...))
end

local function transaction(statements)
  return must(moon.db.transaction(statements))
end

--- Make the campaign known. Its row.
---@param name string
---@param source string? the file of leads
function M.open(name, source)
  exec("campaign_put", name, moon.db.null, source or moon.db.null, now_ms())
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

--- Up to COUNT leads that are due, due retries before fresh ones.
function M.claim(name, count)
  local now = now_ms()
  return transaction {
    { sql "lead_promote", now, name, now },
    { sql "lead_claim", now, name, count },
  }
end

--- Note that the lead is about to be dialled. Only then its INVITE may leave.
---@return integer? attempt its number; nil: the lead is not ours any more
function M.note_dialing(id)
  local now = now_ms()
  local rows = transaction {
    { sql "lead_dial", now, id },
    { sql "attempt_begin", now, id },
  }
  return rows[1] and rows[1].attempts
end

--- The number of the attempt that is noted and not over. After any note that is
--- still on its way.
---@return integer? attempt
function M.noted(id)
  local row = transaction({ { sql "lead_get", id } })[1]
  return row and row.state == "dialing" and row.attempts or nil
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
---@field campaign string?
---@field counts AnswerCounts? for the abandonment of the day

--- The engine's own date.
local function date(time)
  return os.date("%Y-%m-%d", time // 1 | 0)
end

---@param result AttemptResult
function M.finish(result)
  local statements = {
    { sql "attempt_finish", now_ms(), result.disposition, result.sip_code or moon.db.null,
      result.cdr_id or moon.db.null, result.id, result.attempt },
    { sql "lead_finish", result.state, result.disposition, math.floor(result.next_at * 1000), now_ms(), result.id },
  }
  local counts = result.counts
  if counts then
    statements[3] = { sql "abandonment_add", result.campaign, date(moon.now()), counts.live, counts.abandoned,
      counts.machines }
  end
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

--- A claimed lead that is not called now: in so many seconds; nil: whenever it is
--- its turn.
function M.put_away(id, seconds)
  if seconds then
    exec("lead_skip", now_ms() + math.floor(seconds * 1000), now_ms(), id)
  else
    exec("lead_release", now_ms(), id)
  end
end

--- Leads whose call had ended when an engine died, their result not noted.
function M.unfinished(name)
  return query("campaign_unfinished", name)
end

--- How many were being called when an engine died.
function M.unknown(name)
  return #query("campaign_unknown", name)
end

--- When the next retry is due (seconds), or nil.
function M.next_due(name)
  local at = query("campaign_next_due", name)[1].next_at_ms
  return at and at / 1000
end

--- Leads that may still be called or are being called.
function M.open_leads(name)
  return query("campaign_open", name)[1].leads
end

function M.totals(name)
  return query("campaign_totals", name, name)[1]
end

function M.report(name)
  return query("campaign_report", name)
end

return M
