--- Why a lead is not being called now, and when it will be: one sentence. With a
--- running engine the campaign's own state is known, without one what the
--- database says.
local moon = require "moondial"
local database = require "moondial.database"
local gates = require "moondial.campaign.gates"
local zone = require "moondial.leads.zone"

local M = {}

--- The running campaign of that name; nil: none. moondial.campaign says which.
---@type fun(name: string): Campaign?
M.live = function() return nil end

local query = database.query

--- Seconds as a person says them.
local function duration(seconds)
  seconds = math.max(0, math.ceil(seconds))
  if seconds < 120 then
    return ("%d s"):format(seconds)
  elseif seconds < 7200 then
    return ("%d min"):format(seconds // 60)
  elseif seconds < 2 * 86400 then
    return ("%d h"):format(seconds // 3600)
  end
  return ("%d days"):format(seconds // 86400)
end

--- Of a campaign that has nobody to call now.
---@param due number when the next lead is due
---@param reason string? why it waits
---@param now number
function M.next_due(due, reason, now)
  return ("all leads wait; the next one is due in %s%s"):format(duration(due - now),
    reason and (" (%s)"):format(reason) or "")
end

local function calls(count)
  return count == 1 and "1 call" or count .. " calls"
end

local FINAL = {
  unknown = "an engine died while it was being called, and what became of the call isn't known",
  invalid = "nobody has its number",
  declined = "it has declined",
  dnc = "it must not be called",
}

local function done(row)
  local text = ("it is done (%s, after %s)"):format(row.disposition or "?", calls(row.attempts))
  local why = row.wait_reason or FINAL[row.disposition]
  return ("%s%s; it will not be called again, unless it is recycled"):format(text, why and ": " .. why or "")
end

--- What keeps a whole campaign from calling; nil: nothing.
local function of_campaign(row, live)
  if not live then
    local state = row.campaign_state
    if state == "paused" then
      return ("its campaign is paused; to go on: moondial campaign start %s"):format(row.campaign)
    end
    return "no engine runs its campaign now"
  elseif live.state == "paused" then
    return ("its campaign is paused; to go on: moondial campaign start %s"):format(row.campaign)
  elseif live.state ~= "running" then
    return ("its campaign is %s%s; to go on: moondial campaign start %s"):format(live.state,
      live.why and (" (%s)"):format(live.why) or "", row.campaign)
  end
end

--- What stops a lead by itself, as the gates say.
local function by_gates(row, live, now)
  local spec = live.spec
  local verdict, what, reason = gates.check(spec, row, now, { asks = true, listed = gates.listed(spec, { row }) })
  if verdict == "later" then
    return ("%s; it may be called from %s"):format(reason, zone.text(zone.split(row.zones)[1], what, now))
  elseif verdict == "hold" then
    return reason
  elseif verdict == "final" then
    return ("%s; it will not be called (%s)"):format(reason, what)
  end
end

local function waiting(row, live, now)
  local campaign = of_campaign(row, live)
  local due = row.next_at_ms / 1000
  if row.state == "scheduled" and due > now and (row.wait_reason or ""):find("^its agent ") then
    return ("%s; it is called when that agent is ready%s"):format(row.wait_reason,
      campaign and "; besides, " .. campaign or "")
  elseif row.state == "scheduled" and due > now then
    return ("it waits for %s until %s, in %s%s"):format(row.wait_reason or "its time",
      zone.text(zone.split(row.zones)[1], due, now), duration(due - now), campaign and "; besides, " .. campaign or "")
  elseif campaign then
    return campaign
  end
  local stopped = by_gates(row, live, now)
  if stopped then
    return stopped
  elseif live.why then
    return live.why
  end
  local state = row.state == "new" and "new" or "ready"
  local ahead = query("lead_ahead", row.campaign, row.priority, row.priority, state, state, row.next_at_ms)[1].leads
  return ("it is its turn after %d lead(s) that are due before it, at %.1f calls a second now"):format(ahead,
    live.live:rate())
end

--- The sentence about a lead.
---@param row table of lead_get, with campaign_state
---@param live Campaign? when an engine runs it
---@param now number
---@return string
function M.sentence(row, live, now)
  local state = row.state
  if state == "talking" then
    return ("%s (campaign %s) is being called now: it has answered"):format(row.phone, row.campaign)
  elseif state == "ringing" then
    return ("%s (campaign %s) is being called now: it rings"):format(row.phone, row.campaign)
  elseif state == "claimed" then
    return ("%s (campaign %s) is about to be called"):format(row.phone, row.campaign)
  end
  return ("%s (campaign %s) is not being called now: %s"):format(row.phone, row.campaign,
    state == "done" and done(row) or waiting(row, live, now))
end

local function sentence(row)
  row.campaign_state = row.campaign_state or query("campaign_get", row.campaign)[1].state
  return M.sentence(row, M.live(row.campaign), moon.now())
end

--- Of a lead's id. Waits.
---@param id string
---@return string
function M.of_id(id)
  local row = query("lead_get", id)[1]
  if not row then
    error({ code = "unknown", message = ("there is no lead '%s'"):format(id) }, 0)
  end
  return sentence(row)
end

--- The numbers that a text can stand for: as it is, and in the country of each
--- campaign that has one.
local function numbers_of(text)
  local plain = moon.phone.plain(text)
  local list = { plain }
  for _, campaign in ipairs(query("campaign_list")) do
    local parsed = campaign.region and moon.phone.parse(text, campaign.region)
    if parsed then
      list[#list + 1] = parsed.number
    end
  end
  return list
end

--- All leads of a number or id, of the campaign NAME, or of any. Waits.
---@param lead string
---@param name string?
---@return table[] rows
function M.find(lead, name)
  local rows, seen = {}, {}
  local function take(found)
    for _, row in ipairs(found) do
      if not seen[row.id] and (not name or row.campaign == name) then
        seen[row.id] = true
        rows[#rows + 1] = row
      end
    end
  end
  if #lead == 26 and lead:match("^%w+$") then
    take(query("lead_get", lead))
  end
  local numbers = numbers_of(lead)
  for _, number in ipairs(numbers) do
    take(query("lead_anywhere", number))
  end
  for i = 1, #rows == 0 and #numbers or 0 do
    for _, row in ipairs(query("lead_by_numbers", numbers[i])) do
      if ("," .. row.numbers .. ","):find("," .. numbers[i] .. ",", 1, true) then
        take { row }
      end
    end
  end
  if #rows == 0 then
    error({ code = "unknown", message = ("no lead has the number or id '%s'%s"):format(lead,
      name and " in the campaign " .. name or "") }, 0)
  end
  return rows
end

--- Of a number or id, a line for each campaign that has it. Waits.
---@param lead string
---@param name string? of a campaign
---@return string
function M.of(lead, name)
  local lines = {}
  for i, row in ipairs(M.find(lead, name)) do
    lines[i] = sentence(row)
  end
  return table.concat(lines, "\n")
end

return M
