--- Calls of a campaign, grouped: by hour, trunk, caller id, agent, list or
--- disposition. Rows of the queries in, rows of a report out. Pure.
---
---   ASR  answer-seizure ratio: answered / calls
---   ACD  average call duration: talk / answered
---   PDD  post-dial delay: from the INVITE to the first ringing (or the answer), on average
local format = require "moondial.reports.format"

local M = {}

local SUMS = { "calls", "rang", "answered", "busy", "no_answer", "congestion", "abandoned", "talk_ms", "pdd_sum_ms",
  "recordings" }

--- What a report can be grouped by, and the heading of its first column.
M.by = { hour = "hour", trunk = "trunk", caller_id = "caller id", list = "list", agent = "agent",
  disposition = "disposition" }

--- Rows of the query report_calls, each with what it is grouped by in a field of
--- that name.
---@param by string
---@param rows table[]
---@return table[] rows the same
function M.named(by, rows)
  for _, row in ipairs(rows) do
    row[by], row.key = by == "hour" and tonumber(row.key) or row.key, nil
  end
  return rows
end

--- A row with nothing in it.
local function empty(key, value)
  local row = { [key] = value }
  for _, name in ipairs(SUMS) do
    row[name] = 0
  end
  return row
end

local function add(to, row)
  for _, name in ipairs(SUMS) do
    to[name] = to[name] + (row[name] or 0)
  end
end

--- The ratios out of the sums.
local function finish(row)
  row.asr = row.calls > 0 and row.answered / row.calls or nil
  row.acd_ms = row.answered > 0 and row.talk_ms // row.answered or nil
  row.pdd_ms = row.rang > 0 and row.pdd_sum_ms // row.rang or nil
  row.pdd_sum_ms = nil
  return row
end

--- Calls that have met congestion at a trunk and went on by another count at both.
local function by_trunk(rows)
  local trunks, order = {}, {}
  local function of(name)
    if not trunks[name] then
      trunks[name] = empty("trunk", name)
      order[#order + 1] = name
    end
    return trunks[name]
  end
  for _, row in ipairs(rows) do
    add(of(row.trunk or "none"), row)
    for name in (row.tried or ""):gmatch("([^%s]+):%d+") do
      local before = of(name)
      before.calls, before.congestion = before.calls + row.calls, before.congestion + row.calls
    end
  end
  table.sort(order)
  local list = {}
  for i, name in ipairs(order) do
    list[i] = trunks[name]
  end
  return list
end

--- The report's rows.
---@param by string
---@param rows table[] of the query
---@param hour_text fun(hour: integer): string an hour since 1970 → for people
---@return table[]
function M.rows(by, rows, hour_text)
  if by == "trunk" then
    rows = by_trunk(rows)
  end
  for _, row in ipairs(rows) do
    if by == "hour" then
      row.hour, row.hour_at_ms = hour_text(row.hour), row.hour * 3600000
    end
    finish(row)
  end
  return rows
end

--- The sum of the query's rows, as one more row of the report. (A call that was
--- tried at two trunks is one call.)
---@param by string
---@param rows table[] of the query
function M.total(by, rows)
  local total = empty(by, "all")
  for _, row in ipairs(rows) do
    add(total, row)
  end
  return finish(total)
end

---@param by string
---@return ReportColumn[]
function M.columns(by)
  return { { by, M.by[by], function(value) return value or "none" end }, { "calls", "calls" },
    { "answered", "answered" }, { "asr", "ASR", format.percent }, { "acd_ms", "ACD", format.duration },
    { "pdd_ms", "PDD", format.seconds }, { "busy", "busy" }, { "no_answer", "no answer" },
    { "congestion", "congestion" }, { "abandoned", "abandoned" }, { "talk_ms", "talk", format.duration },
    { "recordings", "recordings" } }
end

return M
