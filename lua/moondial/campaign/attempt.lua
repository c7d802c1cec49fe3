--- One attempt to reach one lead: note it, dial, talk, note what came of it.
local moon = require "moondial"
local agents = require "moondial.campaign.agents"
local calls = require "moondial.campaign.calls"
local detection = require "moondial.campaign.detection"
local dnc = require "moondial.compliance.dnc"
local leads = require "moondial.campaign.lead"
local retry = require "moondial.campaign.retry"
local store = require "moondial.campaign.store"
local zone = require "moondial.leads.zone"

local M = {}

local DB_RETRY = 1 -- seconds between two tries to note what has become of a lead

--- Reasons of moon.dial for which no INVITE has left, and that are not the
--- lead's fault: true when they pass by themselves.
local REFUSED = {
  limit = true,
  overload = true,
  draining = true,
  unreachable = true,
  no_route = false,
  forbidden = false,
}

--- Answers to our credentials, or to the want of them: nobody was rung.
local DENIED = { [401] = true, [407] = true }

--- Who has asked not to be called again is dnc, whatever the flow returns. Else a
--- disposition is what the flow returns; else what it has set on the call; else
--- who had answered, where that was to be found out; else how it ended.
local function disposition_of(outcome, call, lead, err)
  if dnc.has_asked(call) or dnc.has_asked(lead) then
    return "dnc"
  elseif outcome.result then
    return outcome.result
  elseif call.disposition and call.disposition ~= "answered" then
    return call.disposition
  elseif err == nil then
    return outcome.kind or "answered"
  end
  return type(err) == "table" and err.code == "hangup" and "hung_up" or "error"
end

--- Who has answered, where the campaign wants to know, and what is done with a
--- machine: a disposition, or nil for those who get the flow.
local function meet(spec, call, outcome)
  if not spec.machine then
    outcome.tell("answered", "human")
    return nil
  end
  local found = detection.judge(call, spec.machine)
  outcome.kind, outcome.greeted_at = found.kind, moon.now() - (found.silence or 0)
  outcome.tell("answered", found.kind)
  return detection.act(call, spec.machine, found)
end

--- The call's part, in a task of its own: whatever becomes of it, its caller
--- goes on. Fills OUTCOME.
local function talk(spec, lead, outcome)
  outcome.tell("dialing")
  local call, reason, failed = moon.dial(lead.number, {
    trunk = spec.trunks and spec.trunks:order(lead.number) or spec.trunk,
    from = lead.from or spec.from,
    timeout = spec.timeout,
    campaign = spec.name,
    lead = lead,
    attempt = lead.attempt,
    detect = spec.machine and spec.machine.settings,
  })
  if not call then
    outcome.call, outcome.reason, outcome.disposition = failed, reason, reason
    return
  end
  outcome.call = call
  store.note_talking(lead.id)
  local _ <close> = setmetatable({}, {
    __close = function(_, err)
      outcome.disposition = disposition_of(outcome, call, lead, err)
      call.disposition = outcome.disposition
    end,
  })
  outcome.result = meet(spec, call, outcome)
  if outcome.result then
    return
  elseif spec.agents and not agents.serve(spec, call, lead, outcome) then
    outcome.result = "abandoned"
    return
  end
  local result = spec.flow and spec.flow(call, lead)
  if result ~= nil and (type(result) ~= "string" or result == "") then
    error(("the flow of campaign '%s' returned a %s: a disposition is a string"):format(spec.name, type(result)), 0)
  end
  outcome.result = result
end

--- What is noted of an attempt: by a callback that the flow has arranged, by the
--- lead's other numbers, by the rules of the campaign.
---@param row table of lead_claim or campaign_unfinished
---@param made {attempt: integer, number: string, disposition: string, call: table?, callback: LeadCallback?,
---counts: AnswerCounts?, at: number?} counts: what the call adds to the counts of abandonment; at: when it ended
---@return AttemptResult
local function result_of(spec, row, made)
  local now, call = moon.now(), made.call
  local result = {
    id = row.id,
    attempt = made.attempt,
    disposition = made.disposition,
    sip_code = call and call.sip_code,
    cdr_id = call and call.id,
    agent = row.agent,
    counts = made.counts,
    at = made.at,
    -- the number that it was shown was blocked, not the lead
    forgive = made.disposition == "blocked" and spec.caller_ids ~= nil or nil,
  }
  local another
  result.numbers, another = retry.turn_numbers(row.numbers, made.number, made.disposition)
  if result.forgive then
    result.state, result.next_at, result.wait_reason = "scheduled", now, "its caller id was blocked, another is shown"
  elseif made.callback and made.disposition ~= "dnc" then
    result.state, result.next_at, result.wait_reason = "scheduled", made.callback.at, made.callback.reason
    result.agent = made.callback.agent
  elseif another and retry.of_the_number[made.disposition]
    and made.attempt - (row.forgiven or 0) < spec.retry.max_attempts then
    result.state, result.next_at, result.wait_reason = "scheduled", now, "another number of it is tried"
  else
    result.state, result.next_at, result.wait_reason = retry.decide(spec.retry, made.disposition,
      { attempts = made.attempt, forgiven = row.forgiven, zone = zone.first(row.zones) }, now)
  end
  return result
end

local function message_of(err)
  return type(err) == "table" and err.message or tostring(err)
end

--- Do STEP(...), however long the database can't.
---@param what string for the log: what is not noted yet
local function insist(spec, row, what, step, ...)
  while true do
    local ok, err = pcall(step, ...)
    if ok then
      return
    end
    moon.log.error("campaign %s: %s of %s is not noted yet: %s", spec.name, what, row.phone, message_of(err))
    moon.sleep(DB_RETRY)
  end
end

--- Note a result: none is lost.
local function finish(spec, row, made)
  insist(spec, row, "the result", store.finish, result_of(spec, row, made))
end

--- Nobody has seen the caller id that was chosen.
local function not_shown(spec, from)
  if spec.caller_ids and from then
    spec.caller_ids:came(from, nil)
  end
end

--- A lead that is ours and not to be dialled after all goes back to the others.
local function give_back(row)
  local attempt = store.noted(row.id)
  if attempt then
    store.undial(row.id, attempt)
  else
    store.put_back { { id = row.id, verdict = "release" } }
  end
end

--- Note that it is being dialled. While the database can't, nobody is: when it can
--- again, the hours may be over, so that the lead begins from the start.
---@return integer? attempt nil: the lead is not ours any more
---@return string? failure the lead has been given back
local function note(work)
  local row = work.row
  if not work.failure then
    local ok, attempt = pcall(function()
      local noted = work.noting and store.noted(row.id)
      work.noting = true
      return noted or store.note_dialing(row.id, row.number or row.phone)
    end)
    if ok then
      return attempt
    elseif type(attempt) ~= "table" then
      error(attempt, 0)
    end
    work.failure = message_of(attempt)
    moon.log.error("campaign %s: %s is not called: %s", work.spec.name, row.phone, work.failure)
  end
  insist(work.spec, row, "the return", give_back, row)
  return nil, work.failure
end

local function silent() end

---@class AttemptWork how far an attempt has come
---@field spec table the campaign's options
---@field row table of lead_claim
---@field noting boolean?
---@field failure string? the database could not note it
---@field attempt integer? its number, once it is noted
---@field agent string? who is to talk to it; nil: whoever is ready
---@field hold AgentHold? an agent who is reserved for it
---@field lead table?
---@field outcome table?
---@field task table? the call's
---@field tell (fun(event: string, what: string?): AnswerCounts?)? hears each step: dialing, answered (by whom), agent,
---hung_up, abandoned, ended (disposition), undone
---@field deaths integer? how often its task has died

--- Reach the lead of WORK.row (claimed), or go on where a task that died has
--- left WORK: the lead is called once.
---@param work AttemptWork
---@return "done"|"gone"|"later"|"refused"|"denied" came gone: not ours any more; later and refused: no INVITE has left,
---by a limit that passes or by the configuration; denied: the carrier wants other credentials
---@return string? reason why nobody was rung
---@return string? disposition when done
function M.run(work)
  local spec, row = work.spec, work.row
  if not work.attempt then
    local failure
    work.attempt, failure = note(work)
    if failure then
      not_shown(spec, row.from)
      return "later", failure
    elseif not work.attempt then
      return "gone"
    end
  end
  work.lead = work.lead or leads.new(row, work.attempt)
  local tell = work.tell or silent
  work.outcome = work.outcome or { tell = tell, agent = work.agent or work.lead.agent }
  work.task = work.task or moon.spawn(talk, spec, work.lead, work.outcome)
  work.task:wait()
  local outcome, lead = work.outcome, work.lead
  local call, passes = outcome.call, REFUSED[outcome.reason]
  local denied = outcome.reason and call and DENIED[call.sip_code]
  if denied or passes ~= nil then
    tell("undone")
    insist(spec, row, "the return", store.undial, lead.id, lead.attempt)
    not_shown(spec, lead.from)
    return denied and "denied" or passes and "later" or "refused", call and call.reason or outcome.reason
  end
  local disposition = outcome.disposition or "error"
  if disposition == "dnc" and not dnc.has_asked(call) and not dnc.has_asked(lead) then
    insist(spec, row, "the wish not to be called", lead.dnc, lead,
      call.agent and "by the word of agent " .. call.agent.name or "by the flow's word")
  end
  if spec.caller_ids and lead.from then
    spec.caller_ids:came(lead.from, disposition, call and call.reason)
  end
  finish(spec, row, { attempt = lead.attempt, number = lead.number, disposition = disposition, call = call,
    callback = leads.wanted(lead), counts = tell("ended", disposition) })
  return "done", nil, disposition
end

--- By the same rules, a lead whose call had ended when an engine died. Its answer
--- counts, too: on the day of the call.
---@param row table of campaign_unfinished
function M.finish_left_over(spec, row)
  finish(spec, row, { attempt = row.attempts, number = row.number or row.phone, disposition = row.disposition,
    call = { id = row.cdr_id, sip_code = row.sip_code }, at = row.ended_at_ms / 1000,
    counts = row.answered_at_ms and calls.counts_of(row.detection or "human", row.disposition,
      spec.agents ~= nil and row.served_by == nil) or nil })
end

return M
