--- Who changed what in a campaign: commands with the user who gave them, scripts
--- that were loaded again, options that are not what they were. Rows are only
--- added; a note that fails is logged and stops nothing.
local moon = require "moondial"
local format = require "moondial.reports.format"

local M = {}

local TEXT_MAX = 2000 -- bytes of a detail

---@class Who
---@field uid integer? of the process at the other end of the control socket: proved by the kernel
---@field user string? its name, as that process says

--- Commands that change a campaign; the first word behind is its name.
local CHANGES = { start = true, pause = true, stop = true, set = true, recycle = true, redial = true, close = true,
  remove = true }

local function add(campaign, who, action, detail, options)
  local null = moon.db.null
  local done, _, message = moon.db.exec(moon.db.sql "audit_add", campaign, math.floor(moon.now() * 1000),
    who and who.uid or null, who and who.user or null, action, detail and detail:sub(1, TEXT_MAX) or null,
    options and moon.json.encode(options) or null)
  if not done then
    moon.log.error("campaign %s: '%s' is not in its audit trail: %s", campaign, action, message)
  end
end

--- A command was given and carried out. Waits. Agents who take and skip leads
--- change no campaign.
---@param who Who
---@param action string
---@param campaign string
---@param ... any its other words
function M.command(who, action, campaign, ...)
  if not CHANGES[action] or type(campaign) ~= "string" then
    return
  end
  local words = {}
  for i = 1, select("#", ...) do
    local word = select(i, ...)
    words[i] = type(word) == "table" and moon.json.encode(word) or tostring(word)
  end
  add(campaign, who, action, #words > 0 and table.concat(words, " ") or nil)
end

--- A script has changed the campaign, or the engine by itself. Waits.
---@param script string? its file; nil: the engine
---@param action string
---@param campaign string
---@param detail string?
function M.by_script(script, action, campaign, detail)
  add(campaign, script and { user = script } or nil, action, detail)
end

--- All scripts were loaded again: a note for each campaign that this concerns.
---@param who Who
function M.reloaded(who)
  local campaigns = moon.shared.campaigns
  for name in pairs(campaigns and campaigns.live or {}) do
    add(name, who, "reload")
  end
  return true
end

--- Options as one table of texts by their path: "pacing.rate" → "5".
---@param options table
---@return table<string, string>
function M.flat(options)
  local flat = {}
  local function walk(value, path)
    if type(value) == "table" then
      for name, inner in pairs(value) do
        walk(inner, path == "" and tostring(name) or path .. "." .. tostring(name))
      end
    elseif type(value) == "function" then
      flat[path] = "a function"
    else
      flat[path] = tostring(value)
    end
  end
  walk(options, "")
  return flat
end

--- Options as a command has them: "pacing.rate=5 retry.busy=60".
---@param options table
---@return string
function M.words(options)
  local words = {}
  for name, value in pairs(M.flat(options)) do
    words[#words + 1] = name .. "=" .. value
  end
  table.sort(words)
  return table.concat(words, " ")
end

--- "pacing.rate: 5 → 8; from: +1555… is new"; nil: they are the same.
---@param before table<string, string>
---@param after table<string, string>
---@return string?
function M.difference(before, after)
  local names, lines = {}, {}
  for name in pairs(after) do
    names[#names + 1] = name
  end
  for name in pairs(before) do
    names[#names + 1] = after[name] == nil and name or nil
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if before[name] == nil then
      lines[#lines + 1] = ("%s: %s (new)"):format(name, after[name])
    elseif after[name] == nil then
      lines[#lines + 1] = ("%s: %s (gone)"):format(name, before[name])
    elseif before[name] ~= after[name] then
      lines[#lines + 1] = ("%s: %s → %s"):format(name, before[name], after[name])
    end
  end
  return #lines > 0 and table.concat(lines, "; ") or nil
end

--- The campaign runs with these options from now on: noted when they are not
--- those of the last run. Waits.
---@param campaign string
---@param given table<string, string> as flat() makes them
---@param file string? the script
function M.options(campaign, given, file)
  local rows = moon.db.query(moon.db.sql "audit_options", campaign)
  local before = rows and rows[1] and moon.json.decode(rows[1].options_json)
  local detail = before and M.difference(before, given)
  if not before then
    add(campaign, nil, "options", "first run" .. (file and " of " .. file or ""), given)
  elseif detail then
    add(campaign, nil, "options", detail, given)
  end
end

--- "2026-11-27 09:30:05", UTC.
---@param ms integer
function M.time(ms)
  local z = moon.zone_time("UTC", ms // 1000)
  return ("%04d-%02d-%02d %02d:%02d:%02d"):format(z.year, z.month, z.day, z.hour, z.min, z.sec)
end

--- Who has done what a row of the trail tells.
---@param row table of query audit_list
---@return string
function M.who(row)
  if row.uid == nil then
    return row.user_name and "script " .. row.user_name or "the engine"
  end
  return row.user_name and ("%s (%d)"):format(row.user_name, row.uid) or ("uid %d"):format(row.uid)
end

--- The trail for people, oldest first.
---@param rows table[] of query audit_list
---@return string
function M.text(rows)
  if #rows == 0 then
    return "nothing was changed"
  end
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = { when = M.time(row.at_ms), who = M.who(row), action = row.action, detail = row.detail or "" }
  end
  return format.text({ { "when", "when (UTC)" }, { "who", "who" }, { "action", "what" }, { "detail", "" } }, list)
end

return M
