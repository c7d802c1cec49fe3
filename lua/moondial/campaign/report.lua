--- A campaign's figures as text, JSON or CSV. Pure: rows in, text out.
local field = require("moondial.reports.format").field

local M = {}

local STATE_TEXT = {
  new = "to be called",
  ready = "to be called again",
  scheduled = "to be called later",
  claimed = "about to be called",
  ringing = "being called",
  talking = "being talked to",
}

--- Columns of a lead, in front of those of its list.
local COLUMNS = { "phone", "state", "disposition", "attempts", "next_at_ms", "id", "list", "numbers", "number_type",
  "zones", "priority", "wait_reason", "agent", "last_phone", "last_at_ms", "sip_code", "talk_ms", "recording", "cdr_id",
  "source", "source_line" }

local IS_COLUMN = {}
for _, name in ipairs(COLUMNS) do
  IS_COLUMN[name] = true
end

--- One line while it runs.
---@param f table figures of Campaign:figures()
function M.progress(f)
  return ("campaign %s: %d active, dialled %d of %d, answered %d, done %d, %.1f a second%s"):format(f.name, f.active,
    f.dialled, f.leads, f.answered, f.done, f.rate, f.why and " (" .. f.why .. ")" or "")
end

--- Leads by disposition.
---@param name string
---@param rows table[] of query campaign_report
function M.summary(name, rows)
  if #rows == 0 then
    return ("campaign %s has no leads"):format(name)
  end
  local whats, width, leads, attempts = {}, 24, 0, 0
  for i, row in ipairs(rows) do
    local state = STATE_TEXT[row.state]
    whats[i] = state and row.disposition and ("%s (%s)"):format(state, row.disposition) or state or row.disposition
      or "?"
    width = math.max(width, #whats[i])
    leads, attempts = leads + row.leads, attempts + row.attempts
  end
  local lines = {}
  local function line(what, ...)
    lines[#lines + 1] = ("%s %8s %9s"):format(what .. (" "):rep(width - #what), ...)
  end
  line("disposition", "leads", "attempts")
  for i, row in ipairs(rows) do
    line(whats[i], row.leads, row.attempts)
  end
  line("all", leads, attempts)
  return table.concat(lines, "\n")
end

--- JSON has milliseconds.
local function in_ms(pacing)
  for _, name in ipairs { "handling", "horizon" } do
    if pacing and pacing[name] then
      pacing[name .. "_ms"], pacing[name] = (pacing[name] * 1000 + 0.5) // 1 | 0, nil
    end
  end
end

--- "3 ready, 5 talking; 1 caller waits".
local function agents_text(f)
  local parts = {}
  for _, state in ipairs { "ready", "reserved", "talking", "wrapup", "paused", "offline" } do
    if f.agents[state] then
      parts[#parts + 1] = ("%d %s"):format(f.agents[state], state)
    end
  end
  return ("agents: %s%s"):format(#parts > 0 and table.concat(parts, ", ") or "none",
    f.waiting > 0 and ("; %d caller(s) wait"):format(f.waiting) or "")
end

--- What a pacer for agents knows.
---@param p PacerFigures
local function pacing_text(p)
  local parts = { ("%s: %.0f %% of dials answered, %.0f s an answered call"):format(p.mode, 100 * p.answer_rate,
    p.handling) }
  for i, w in ipairs(p.windows) do
    if i > 1 and w.live == p.windows[1].live then
      break -- there was no other day
    end
    parts[#parts + 1] = ("abandoned %s %.4g of %d (%.1f %%)"):format(w.days == 1 and "today" or ("in %d days"):format(
      w.days), w.x, w.live, 100 * w.share)
  end
  if p.gate then
    parts[#parts + 1] = "the gate is " .. p.gate
  end
  return table.concat(parts, "; ")
end

--- A lead that is shown to an agent.
---@param lead table? of Campaign:next()
---@param format "table"|"json"|"csv"
---@param why string? there is none
---@return any a text, or for JSON the lead itself
function M.lead(lead, format, why)
  if format == "json" then
    return lead or { why = why }
  elseif not lead then
    return why and "no lead may be called now: " .. why or "no lead is due now"
  end
  local names, lines = {}, { ("%-16s %s"):format("phone", lead.phone), ("%-16s %s"):format("id", lead.id),
    ("%-16s %d%s"):format("attempts", lead.attempts, lead.disposition and " (" .. lead.disposition .. ")" or "") }
  for name in pairs(lead.fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("%-16s %s"):format(name, tostring(lead.fields[name]))
  end
  return table.concat(lines, "\n")
end

--- Several campaigns' figures.
---@param list table[]
---@param format "table"|"json"|"csv"
---@return any a text, or for JSON the list itself
function M.status(list, format)
  if format == "json" then
    for _, f in ipairs(list) do
      in_ms(f.pacing)
    end
    return list
  elseif #list == 0 then
    return "no campaigns"
  end
  local lines = {}
  for _, f in ipairs(list) do
    lines[#lines + 1] = ("%-24s %-8s %d leads, %d dialled, %d answered, %d done"):format(f.name, f.state, f.leads,
      f.dialled, f.answered, f.done)
    if f.active then
      lines[#lines + 1] = ("%-24s calls now: %d, %.1f a second%s"):format("", f.active, f.rate,
        f.why and "; " .. f.why or "")
    elseif f.why then
      lines[#lines + 1] = ("%-24s nothing is dialled: %s"):format("", f.why)
    end
    if f.agents then
      lines[#lines + 1] = ("%-24s %s"):format("", agents_text(f))
      lines[#lines + 1] = ("%-24s %s"):format("", pacing_text(f.pacing))
    end
  end
  return table.concat(lines, "\n")
end

--- Rows of leads as text, a part at a time: `look` at all of them first (CSV: which
--- columns are there?), then `rows`, then `finish`.
---@class LeadWriter
---@field out fun(text: string) a line, its end not in it
local Writer = {}
Writer.__index = Writer

--- The columns of their lists.
---@param rows table[] of query lead_list, with `fields` decoded
function Writer:look(rows)
  for _, row in ipairs(rows) do
    for name in pairs(row.fields) do
      if not self.seen[name] and not IS_COLUMN[name] then
        self.seen[name] = true
        self.extra[#self.extra + 1] = name
      end
    end
  end
end

local writers = { csv = {}, json = {}, table = {} }

local function csv_line(self, value_of, field_of)
  local cells = {}
  for i, name in ipairs(COLUMNS) do
    cells[i] = field(value_of(name))
  end
  for _, name in ipairs(self.extra) do
    cells[#cells + 1] = field(field_of(name))
  end
  self.out(table.concat(cells, ",") .. "\r")
end

local function csv_head(self)
  if not self.headed then
    self.headed = true
    table.sort(self.extra)
    local function same(name) return name end
    csv_line(self, same, same)
  end
end

function writers.csv.rows(self, rows)
  csv_head(self)
  for _, row in ipairs(rows) do
    csv_line(self, function(name) return row[name] end, function(name) return row.fields[name] end)
  end
end

writers.csv.finish = csv_head

function writers.json.rows(self, rows)
  for _, row in ipairs(rows) do
    self.out((self.headed and "," or "[") .. self.encode(row))
    self.headed = true
  end
end

function writers.json.finish(self)
  self.out(self.headed and "]" or "[]")
end

local LINE = "%-18s %-10s %-16s %8s  %s"

function writers.table.rows(self, rows)
  if not self.headed then
    self.headed = true
    self.out(LINE:format("phone", "state", "disposition", "attempts", "list"))
  end
  for _, row in ipairs(rows) do
    self.out(LINE:format(row.phone, row.state, row.disposition or "", row.attempts,
      (row.list or "") .. (row.wait_reason and "  (" .. row.wait_reason .. ")" or "")))
  end
end

function writers.table.finish(self)
  if not self.headed then
    self.out("no leads")
  end
end

---@param format "csv"|"json"|"table"
---@param out fun(text: string) prints a line
---@param encode fun(value: any): string? of JSON
---@return LeadWriter
function M.writer(format, out, encode)
  local kind = writers[format]
  return setmetatable({ out = out, encode = encode, extra = {}, seen = {}, rows = kind.rows, finish = kind.finish },
    Writer)
end

return M
