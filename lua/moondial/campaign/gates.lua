--- The one place where a lead is stopped: what it must pass before it is dialled.
---
---   claimed lead ─► dnc ─► type ─► hours ─► its agent ─► caps ─► caller id ─► dialled
---                    │       │        └─ later: not before a time, and why
---                    └───────┴─ final: never, and why
---
--- `moondial campaign why` reads its sentences from the same gates.
local moon = require "moondial"
local callbacks = require "moondial.campaign.callbacks"
local store = require "moondial.campaign.store"
local zone = require "moondial.leads.zone"

local M = {}

local WITHOUT_A_WAIT = 20 -- leads that are looked at: well within a slice
local AGENT_AGAIN = 300 -- seconds until a lead looks for its own agent again: before, when that is ready (callbacks)
local CALLED_AGAIN = 30 -- seconds, where the agent is there, and is called for another lead
local COUNT_AGAIN = 5 -- seconds for which a count of a campaign's calls holds

--- Calls of this day by campaign: {day, at, count}; those that a gate has let
--- through since it was counted are in it.
local today = {}

---@class GateRow of lead_claim, or of lead_get for those who only ask
---@field number string? set by check: the one to be called
---@field from string? set by check: the caller id

---@class GateContext
---@field listed table<string, string>? number → the list that has it
---@field asks boolean? nobody is dialled: take nobody's place
---@field called_for table<string, integer>? agents for whom leads are being called
---@field agents table<string, table>? those of the group, as they were seen first; taken: a lead of this look has it
---@field zones table<string, table>? zones as in the row → what Hours:open has said of them

--- A gate returns nothing: pass; or "later", until, reason; or "final",
--- disposition, reason; or "hold", nil, reason: nobody can be called just now.
---@alias Gate fun(spec: table, row: GateRow, now: number, context: GateContext): string?, any, string?

local function numbers_of(row)
  if not row.numbers then
    return { row.phone }
  end
  local list = {}
  for number in row.numbers:gmatch("[^,]+") do
    list[#list + 1] = number
  end
  return list
end

-- ---- the gates -------------------------------------------------------------

--- Leave out those of the lead's numbers for which STOPS tells why.
---@param row GateRow
---@param stops fun(number: string): string?
---@return string? why no number is left
local function leave_out(row, stops)
  local left, why = {}, nil
  for _, number in ipairs(row.candidates) do
    local reason = stops(number)
    if reason then
      why = reason
    else
      left[#left + 1] = number
    end
  end
  if #left == 0 then
    return why
  end
  row.candidates = left
end

---@type Gate
local function dnc(_, row, _, context)
  local list = context.listed and leave_out(row, function(number) return context.listed[number] end)
  if list then
    return "final", "dnc", ("on the list %s"):format(list)
  end
end

--- The type of a number of ROW; nil: not known, since its lead was imported without a
--- country.
local function type_of(row, number)
  if number == row.phone or not row.number_type then
    return row.number_type
  end
  local parsed = moon.phone.parse(number)
  return parsed and parsed.type
end

--- Numbers of a type that the campaign doesn't dial.
---@type Gate
local function types(spec, row)
  local skipped = spec.skip_types
  if not skipped or not row.number_type then
    return
  end
  local kind = leave_out(row, function(number)
    local own = type_of(row, number)
    return skipped[own] and own
  end)
  if kind then
    return "final", "number_type", ("its number is of type %s, which is not dialled (skip_types)"):format(kind)
  end
end

--- The state that a lead's row names, for rules that are a state's.
local function state_of(spec, row)
  return spec.hours.states and moon.json.decode(row.fields_json or "{}").state or nil
end

local function closed(opens_at, reason)
  if opens_at then
    return "later", opens_at, reason
  end
  return "final", "no_hours", reason
end

--- Leads of the same zones have the same hours: they are asked for once, and who is
--- outside them takes the others along (sift). A state's rules may be stricter.
---@type Gate
local function hours(spec, row, now, context)
  if not spec.hours then
    return
  end
  local key, known = row.zones or "", context.zones or {}
  context.zones = known
  local seen = known[key]
  if not seen then
    seen = table.pack(spec.hours:open(zone.split(row.zones), now))
    known[key] = seen
  end
  if not seen[1] then
    return closed(seen[2], seen[3])
  end
  local state = state_of(spec, row)
  if state then
    local open, opens_at, reason = spec.hours:open(zone.split(row.zones), now, state)
    if not open then
      return closed(opens_at, reason)
    end
  end
end

--- Of the zones that were seen those that are closed, as store.put_back takes them.
local function closed_zones(context)
  local list = {}
  for key, seen in pairs(context.zones or {}) do
    if key ~= "" and not seen[1] and seen[2] then
      list[#list + 1] = { zones = key, at = seen[2], reason = seen[3] }
    end
  end
  return list
end

---@type Gate
local function caps_of_lead(spec, row, now)
  local cap = spec.max_per_day and spec.max_per_day.lead
  if not cap or row.attempts == 0 then
    return
  end
  local own = zone.first(row.zones)
  if store.lead_attempts(row.id, zone.midnight(own, now)) >= cap then
    return "later", zone.midnight(own, now, 1), ("it has been called %s today"):format(M.times(cap))
  end
end

local STATES = { reserved = "is about to talk", talking = "is talking", wrapup = "is wrapping up", paused = "is paused",
  offline = "is not there" }

--- The agents of the campaign's group by name, looked at once.
local function agents_of(spec, context)
  if not context.agents then
    context.agents = {}
    for _, known in ipairs(require("moondial.agents").group(spec.agents.group):snapshot()) do
      context.agents[known.name] = known
    end
  end
  return context.agents
end

--- A callback by one agent waits for that agent, and one of them at a time.
---@type Gate
local function agent(spec, row, now, context)
  if not (row.agent and spec.agents) then
    return
  end
  local known = agents_of(spec, context)[row.agent]
  if known and known.held and known.held.lead == row.id then
    return
  end
  if not known or known.state ~= "ready" then
    callbacks.wait(spec.name, row.agent)
    local where = known and (STATES[known.state] or known.state) or "is not in the group " .. spec.agents.group
    return "later", now + AGENT_AGAIN, ("its agent %s %s"):format(row.agent, where)
  elseif ((context.called_for or {})[row.agent] or 0) > 0 or known.taken and not context.asks then
    callbacks.wait(spec.name, row.agent, known.since)
    return "later", now + CALLED_AGAIN, ("its agent %s is called for another lead"):format(row.agent)
  end
end

--- Until when NUMBER has been called often enough; nil: it hasn't.
local function number_capped(spec, row, number, now)
  local own = zone.first(row.zones)
  local cap = spec.max_per_day and spec.max_per_day.number
  if cap and store.number_attempts(number, zone.midnight(own, now)) >= cap then
    return zone.midnight(own, now, 1), ("its number has been called %s today"):format(M.times(cap))
  end
  cap = spec.max_per_number
  if not cap then
    return
  end
  local since = cap.days and now - cap.days * 86400 or 0
  local made, first_at = store.number_attempts(number, since)
  if made >= cap.attempts then
    return cap.days and first_at + cap.days * 86400 or math.huge,
      ("its number has been called %s%s"):format(M.times(cap.attempts),
        cap.days and (" in %d days"):format(cap.days) or "")
  end
end

--- Until when NUMBER has been called as often as its state lets it be in 24
--- hours; nil: it hasn't.
local function state_capped(cap, number, now)
  local made, first_at = store.number_attempts(number, now - 86400)
  if made >= cap then
    return first_at + 86400, ("its number has been called %s in 24 hours, and its state allows no more"):format(
      M.times(cap))
  end
end

--- The first of its numbers that may be called.
---@type Gate
local function caps_of_number(spec, row, now)
  local of_state = spec.hours and spec.hours.calls_a_day and spec.hours:calls_a_day(state_of(spec, row))
  local soonest, why
  for _, number in ipairs(row.candidates) do
    local until_, reason = number_capped(spec, row, number, now)
    if not until_ and of_state then
      until_, reason = state_capped(of_state, number, now)
    end
    if not until_ then
      row.number = number
      return
    elseif not soonest or until_ < soonest then
      soonest, why = until_, reason
    end
  end
  if soonest == math.huge then
    return "final", "number_cap", why
  end
  return "later", soonest, why
end

--- None that may be shown: that is so for every lead, and none of them is put off.
---@type Gate
local function caller_id(spec, row, now, context)
  if not spec.caller_ids then
    return
  end
  local from, reason, until_ = spec.caller_ids:choose(row, context.asks)
  if not from then
    return "hold", nil, until_ and ("%s; one may be shown at %s"):format(reason, zone.text(nil, until_, now)) or reason
  end
  row.from = from
end

--- In this order: what is final first.
---@type Gate[]
local GATES = { dnc, types, hours, agent, caps_of_lead, caps_of_number, caller_id }

-- ---- all of them -----------------------------------------------------------

--- "once", "3 times".
function M.times(count)
  return count == 1 and "once" or count .. " times"
end

--- Whether a lead may be dialled now. Waits (the database is asked).
---@param spec table the campaign's options
---@param row GateRow its `number` and `from` are set
---@param now number seconds
---@param context GateContext?
---@return "dial"|"later"|"final"|"hold" verdict
---@return any until_or_disposition later: seconds; final: the disposition; dial: the caller id, if there is one
---@return string? reason
function M.check(spec, row, now, context)
  context = context or {}
  row.candidates, row.number, row.from = numbers_of(row), nil, nil
  for _, gate in ipairs(GATES) do
    local verdict, what, reason = gate(spec, row, now, context)
    if verdict then
      return verdict, what, reason
    end
  end
  local own = row.agent and context.agents and context.agents[row.agent]
  if own then
    own.taken = true
  end
  return "dial", row.from
end

--- Which numbers of ROWS are on a list that holds for the campaign: the internal
--- one and its own always, imported ones as its option `dnc` says.
function M.listed(spec, rows)
  local numbers = {}
  for _, row in ipairs(rows) do
    local own = numbers_of(row)
    table.move(own, 1, #own, #numbers + 1, numbers)
  end
  return require("moondial.compliance.dnc").listed(numbers, spec.name, spec.dnc)
end

local function count_of(name, now)
  local day, count = zone.midnight(nil, now), today[name]
  if not count or count.day ~= day or now - count.at > COUNT_AGAIN or now < count.at then
    count = { day = day, at = now, count = store.campaign_attempts(name, day) }
    today[name] = count
  end
  return count
end

--- How many of WANTED calls the campaign may begin today; 0: and why. Waits.
---@param spec table
---@param now number
---@param wanted integer
---@return integer
---@return string? reason
function M.room(spec, now, wanted)
  local cap = spec.max_per_day and spec.max_per_day.campaign
  if not cap then
    return wanted
  end
  local left = cap - count_of(spec.name, now).count
  if left > 0 then
    return math.min(wanted, left)
  end
  return 0, ("it has made its %d calls of today; it goes on at %s"):format(cap,
    zone.text(nil, zone.midnight(nil, now, 1), now))
end

local function count_passed(spec, count, now)
  if spec.max_per_day and spec.max_per_day.campaign then
    local today_ = count_of(spec.name, now)
    today_.count = today_.count + count
  end
end

--- Put claimed leads back where they were. Waits.
---@param rows GateRow[]
function M.release(rows)
  local held = {}
  for i, row in ipairs(rows) do
    held[i] = { id = row.id, verdict = "release" }
  end
  store.put_back(held)
end

--- Of claimed leads those that may be dialled, COUNT at most; what becomes of the
--- others is noted. Waits.
---@param spec table
---@param rows GateRow[] claimed
---@param count integer
---@param now number
---@param called_for table<string, integer>? agents for whom leads are being called
---@return GateRow[] pass
---@return integer stopped
---@return string? why the last one was
---@return boolean hold nobody can be called just now: no caller id, or a list of numbers that can't be asked
function M.sift(spec, rows, count, now, called_for)
  local pass, held, stopped, why, hold = {}, {}, 0, nil, false
  local ok, listed = pcall(M.listed, spec, rows)
  if not ok then
    M.release(rows)
    return pass, 0, type(listed) == "table" and listed.message or tostring(listed), true
  end
  local context = { listed = listed, called_for = called_for }
  for i, row in ipairs(rows) do
    if i % WITHOUT_A_WAIT == 0 then
      moon.sleep(0)
    end
    local verdict, what, reason = "hold", nil, nil
    if #pass < count and not hold then
      verdict, what, reason = M.check(spec, row, now, context)
      hold, why = verdict == "hold", reason or why
    end
    if verdict == "dial" then
      pass[#pass + 1] = row
    elseif verdict == "hold" then
      held[#held + 1] = { id = row.id, verdict = "release" }
    else
      stopped = stopped + 1
      held[#held + 1] = { id = row.id, verdict = verdict, reason = reason,
        at = verdict == "later" and what or nil, disposition = verdict == "final" and what or nil }
    end
  end
  count_passed(spec, #pass, now)
  store.put_back(held, spec.name, closed_zones(context))
  return pass, stopped, why, hold
end

return M
