--- The agent's own leg, when it stays open between calls: who is it, music, keys.
---
---   keys      ready       *  pause
---             paused      #  ready
---             wrap-up     0…9 the disposition that the group says, #  ready
local moon = require "moondial"
local agent_module = require "moondial.agents.agent"

local M = {}

local TRIES = 3
local HOUR = 3600

--- Filled by agents.lua.
M.agent, M.of_endpoint, M.login = nil, nil, nil

--- The methods that only an agent with an open leg needs.
local Agent = getmetatable(agent_module.adopt {}).__index

function Agent:stop_music()
  if self.music then
    self.music:stop()
    self.music = nil
  end
end

--- What it hears while it waits: the music of its first group that has some.
local function music_of(agent)
  for name in pairs(agent.spec.groups) do
    local music = agent_module.group_of(name).spec.music
    if music then
      return music
    end
  end
  return nil
end

local function music_on(agent, call)
  local what = music_of(agent)
  if what and not agent.music then
    agent.music = call:play_async(what, { loop = true })
  end
end

--- A prompt in the music's place. It does not wait: a call may come meanwhile.
local function say(agent, call, prompt)
  agent:stop_music()
  agent.music = call:play_async(prompt)
end

--- Seconds without audio after which its telephone is gone; 0: never.
local function patience(agent)
  local longest = 0
  for name in pairs(agent.spec.groups) do
    longest = math.max(longest, agent_module.group_of(name).spec.lost_after)
  end
  return longest
end

--- CALL is AGENT's leg from now on.
function M.attach(agent, call)
  agent.call, agent.nailed = call, true
  local seconds = patience(agent)
  if seconds > 0 then
    call:answer { media_timeout_hangup = math.max(1, seconds) } -- it is answered
  end
end

--- The leg is over. While it has a call, whoever has bridged it sees to the rest.
local function detach(agent, call)
  agent:stop_music()
  if agent.call ~= call then
    return
  end
  if agent.state == "talking" or agent.state == "reserved" and not agent.held then
    return
  end
  agent.call, agent.nailed = nil, false
  if agent.state ~= "offline" then
    if call.hangup_by == "engine" then
      agent:set("paused", call.hangup_cause or "lost")
    else
      agent:set("offline", "hangup")
    end
  end
end

local function disposition_of(agent, digit)
  for name in pairs(agent.spec.groups) do
    local disposition = agent_module.group_of(name).spec.dispositions[digit]
    if disposition then
      return disposition
    end
  end
  return nil
end

--- A key between calls. What is pressed in a call is the party's to hear.
local function key(agent, digit)
  if agent.state == "wrapup" then
    local disposition = disposition_of(agent, digit)
    if disposition then
      agent:dispose(disposition)
    elseif digit == "#" then
      agent:end_wrapup()
    end
  elseif agent.state == "ready" and digit == "*" then
    agent:want("paused", "pause")
  elseif agent.state == "paused" and digit == "#" then
    agent:want("ready")
  end
end

--- Between calls there is music; a pause and its end are said.
---@return string said the state that was told of last
local function entertain(agent, call, said)
  local state = agent.state
  if call.bridged or state == "reserved" or state == "talking" then
    return said
  elseif state == "paused" and said ~= "paused" then
    say(agent, call, "agent-paused")
  elseif state == "ready" and said == "paused" then
    say(agent, call, "agent-ready")
  else
    music_on(agent, call)
  end
  return (state == "paused" or state == "ready") and state or said
end

--- The leg of an agent who has logged in, until it hangs up or logs out.
local function stay(agent, call)
  local _ <close> = setmetatable({}, { __close = function() detach(agent, call) end })
  local said = "ready"
  while agent.call == call and agent.state ~= "offline" do
    said = entertain(agent, call, said)
    local playing = agent.music
    local which, event = moon.select {
      digit = not call.bridged and call:event("dtmf") or nil,
      bridge = call:event(call.bridged and "unbridge" or "bridge"),
      changed = agent:change(),
      played = playing,
      timeout = HOUR,
    }
    if which == "digit" then
      key(agent, event.digit)
    elseif which == "played" and agent.music == playing then
      agent.music = nil
    end
  end
end

--- Who calls: whose endpoint has proved itself, if it is that of one agent alone; or a
--- name and a PIN.
local function identify(call)
  local those = call.endpoint and M.of_endpoint(call.endpoint) or {}
  if #those == 1 then
    return those[1]
  end
  for _ = 1, TRIES do
    local name = call:gather { prompt = "agent-number", max_digits = 16, terminator = "#", timeout = 8 }
    local pin = name and call:gather { prompt = "agent-pin", max_digits = 16, terminator = "#", timeout = 8 }
    local ok, found = pcall(M.agent, name)
    if ok and pin and found:is_pin(pin) then
      return found
    end
    call:play("agent-wrong")
  end
  return nil
end

--- The line that agents call: `moon.on_call("agents", agents.line)`.
---@param call Call
function M.serve(call)
  call:answer()
  local agent = identify(call)
  if not agent then
    moon.log.warn("call %s: no agent", call.id)
    return
  end
  if agent.call and agent.call ~= call and agent.call.state ~= "ended" then
    call:play("agent-wrong")
    return
  end
  call:play("agent-ready")
  M.login(agent.name, { call = call })
  stay(agent, call)
  if call.state == "answered" then
    call:play("goodbye")
  end
end

--- Call an agent whose leg is to stay open. Who can't be reached is told why.
function M.call_in(agent)
  local reached = false
  local task = moon.originate(agent.spec.target, { timeout = 30 }, function(call)
    call:play("agent-ready")
    M.login(agent.name, { call = call })
    reached = true
    stay(agent, call)
  end)
  moon.spawn(function()
    local _, reason = task:wait()
    if reason and not reached and not agent.call then
      moon.log.warn("agent %s is not logged in: %s", agent.name, reason)
      agent:set(agent.state, reason)
    end
  end)
end

return M
