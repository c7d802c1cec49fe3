--- call:connect_agent and call:enqueue: find an agent for a call, bridge the
--- two, and find another one when the agent's telephone dies meanwhile.
local moon = require "moondial"
local options = require "moondial.agents.connect_options"
local reaching = require "moondial.agents.reach"
local signal = require "moondial.agents.signal"

local M = {}

local TONE = { tone = "beep" } -- to an agent whose leg is open: a call comes
local AGAIN = 0.2 -- seconds until agents who could not be called are tried again

--- Filled by agents.lua.
M.group = function() end

-- ---- waiting ----------------------------------------------------------------

--- Music and announcements while a call waits.
---@class Waiting
local Waiting = {}
Waiting.__index = Waiting

local function waiting_new(call, opts)
  return setmetatable({ call = call, opts = opts }, Waiting)
end

function Waiting:music_on()
  if self.opts.music and not self.music and self.call.state == "answered" then
    self.music = self.call:play_async(self.opts.music, { loop = true })
  end
end

function Waiting:music_off()
  if self.music then
    self.music:stop()
    self.music, self.speech = nil, nil
  end
end

Waiting.__close = Waiting.music_off

--- Where the caller stands, and what else is said now and then, in the music's
--- place. An agent who comes meanwhile cuts it short.
function Waiting:announce(position)
  local list = {}
  if self.opts.position and position then
    list = { "queue-position", tostring(math.min(position, 20)) }
  end
  if self.opts.announcement then
    list[#list + 1] = self.opts.announcement
  end
  if #list > 0 then
    self:music_off()
    self.music = self.call:play_async(list)
    self.speech = self.music
  end
end

--- Until TICKET has an offer, UNTIL has come, or the caller has pressed a key to
--- leave.
---@return string? why not: "timeout", "left"
function Waiting:wait(group, ticket, deadline)
  local opts, call = self.opts, self.call
  local announce_at = opts.announce_every and moon.now() + opts.announce_every
  while not ticket.offer do
    self:music_on()
    local now = moon.now()
    local left = deadline - now
    if left <= 0 then
      return "timeout"
    end
    local which, event = moon.select {
      agent = ticket.signal.source,
      digit = opts.leave_on and call:event("dtmf") or nil,
      hangup = not opts.leave_on and call:event("hangup") or nil,
      said = self.speech,
      timeout = announce_at and math.min(left, math.max(0, announce_at - now)) or left,
    }
    if which == "hangup" then
      call:sleep(0) -- raises, as every verb of a call that is over
    elseif which == "digit" and opts.leave_on:find(event.digit, 1, true) then
      return "left"
    elseif which == "said" then
      self.music, self.speech = nil, nil
    elseif which == "agent" and not ticket.offer then
      ticket.signal = signal.new() -- the scripts were loaded again
    elseif announce_at and moon.now() >= announce_at and not ticket.offer then
      self:announce(group:position(ticket))
      announce_at = moon.now() + opts.announce_every
    end
  end
end

-- ---- talking ----------------------------------------------------------------

local function is_hangup(err)
  return type(err) == "table" and err.code == "hangup"
end

--- What the agent alone hears first, for as long as CALL is there.
local function whisper(call, leg, announce)
  local ok, err = pcall(function()
    local playing <close> = leg:play_async(announce)
    moon.select { said = playing, gone = call:event("hangup") }
  end)
  if not ok and not is_hangup(err) then
    error(err, 0)
  end
end

--- Bridge CALL with AGENT until it is over. True: the caller needs another one.
local function talk(call, group, agent, leg, opts, result)
  if opts.announce or group.spec.announce then
    agent:stop_music()
    whisper(call, leg, opts.announce or group.spec.announce)
  end
  if call.state == "ended" then
    result.reason, result.duration = "hangup", result.duration or 0
    return false
  elseif leg.state == "ended" then
    return true
  end
  agent:stop_music()
  if agent.nailed then
    leg:play_async(TONE, { mix = true })
  end
  agent.call, agent.party, agent.disposition = leg, call, nil
  call.agent = agent
  leg.agent = agent
  result.wait = result.wait or moon.now() - opts.since
  agent:set("talking", nil, { data = opts.data, group = group.name, from = call.from, to = call.to })
  if opts.on_agent then
    opts.on_agent(agent)
  end
  local bridged = call:bridge(leg, { hangup_other = not agent.nailed, dtmf = opts.dtmf })
  result.reason, result.duration = bridged.reason, (result.duration or 0) + bridged.duration
  return bridged.reason == "other_hangup" and (agent.nailed or reaching.lost(leg) ~= nil)
end

--- What becomes of the agent after a call. Who hangs up before they are bridged, or
--- a prompt that can't be played, must not leave a telephone off the hook.
local function after(group, agent, leg)
  if not agent.nailed then
    agent.call = nil
    if leg.state ~= "ended" then
      leg:hangup()
    end
  end
  if not reaching.gone(agent, leg) and (agent.state == "talking" or agent.state == "reserved") then
    agent:begin_wrapup(agent:wrapup_time(group))
  end
end

--- Talk to one agent after the other, for as long as theirs is the telephone
--- that dies.
local function serve(call, group, opts)
  local result = {}
  local deadline = moon.now() + opts.within
  local priority = opts.priority
  local waiting <close> = waiting_new(call, opts)
  while true do
    if opts.or_another and opts.agent and not group:is_manned(opts.agent) then
      moon.log.warn("call %s: agent %s is not there; another one is looked for", call.id, opts.agent)
      opts.agent = nil
    end
    local ticket = { call = call, priority = priority, since = opts.since, skills = opts.skills,
      agent = opts.agent, lead = type(call.lead) == "table" and call.lead.id or nil, signal = signal.new() }
    local _ <close> = setmetatable({}, {
      __close = function()
        group:leave(ticket)
        ticket.signal:fire()
        if ticket.offer then
          reaching.release(call, ticket.offer, ticket.taken)
        end
      end,
    })
    group:enter(ticket)
    local why = waiting:wait(group, ticket, deadline)
    if why then
      return nil, why == "timeout" and not group:is_manned() and "no_agents" or why
    end
    local agent, leg = reaching.reach(call, group, ticket.offer, deadline)
    if agent then
      ticket.taken = agent
      waiting:music_off()
      local again
      do
        local _ <close> = setmetatable({}, { __close = function() after(group, agent, leg) end })
        again = talk(call, group, agent, leg, opts, result)
      end
      result.call = leg
      if not again then
        return agent, result
      end
      moon.log.warn("call %s: agent %s has gone; another one is looked for", call.id, agent.name)
      if result.reason then
        deadline = moon.now() + math.max(opts.within, opts.again_within)
      end
      opts.agent = nil -- whoever is there
      priority = math.huge -- it has waited already: to the head of the queue
      opts.music = opts.music or group.spec.music
    elseif call.state == "ended" then
      call:sleep(0) -- raises
    elseif deadline - moon.now() < reaching.MOMENT then
      return nil, group:is_manned() and "timeout" or "no_agents"
    else
      call:sleep(math.min(AGAIN, deadline - moon.now())) -- a limit of the engine's, perhaps
    end
  end
end

--- call:connect_agent{group=…}: an agent within so many seconds, bridged with
--- the call until one of them hangs up.
---@param call Call
---@param given table group; within (2 s); skills; agent: this one alone, or_another: or whoever is ready,
---when that one is not there; priority; announce: what the agent hears
---first; music: what the caller hears meanwhile; data: for the screen, with the event "agent"; on_agent(agent): when
---they begin to talk; dtmf; since: waits since then (epoch seconds); again_within (60 s): for another one, when the
---telephone of the first has died
---@return Agent? agent who talked to it last; nil: nobody has
---@return string|table why "timeout", "no_agents"; else {reason, duration, wait, call}
function M.connect_agent(call, given)
  local opts = options.connect(given)
  local group = M.group(opts.group)
  if opts.data == nil and type(call.lead) == "table" then
    opts.data = call.lead
  end
  if call.state ~= "answered" then
    call:answer()
  end
  return serve(call, group, opts)
end

--- call:enqueue(group, opts): wait for an agent, with music.
---@param call Call
---@param name string a group of agents
---@param given table? as connect_agent; max_wait (600 s); announcement and announce_every: what is said now and then;
---position: the place in the queue is said with it; leave_on: digits that leave the queue
---@return Agent? agent
---@return string|table why "timeout", "no_agents", "left"; else {reason, duration, wait, call}
function M.enqueue(call, name, given)
  local opts = options.enqueue(name, given)
  local group = M.group(opts.group)
  opts.music = opts.music or group.spec.music
  if call.state ~= "answered" then
    call:answer()
  end
  return serve(call, group, opts)
end

return M
