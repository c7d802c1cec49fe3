--- Each change of an agent's state is a row: when, what, why, which call.
local moon = require "moondial"

local M = {}

local function value(v)
  return v == nil and moon.db.null or v
end

local function add(agent, state, reason, call_id, disposition, at)
  local ok, code, message = moon.db.exec(moon.db.sql "agent_state_add", agent, state, value(reason), value(call_id),
    value(disposition), math.floor(at * 1000))
  if not ok then
    moon.log.error("agent %s: its state is not noted: %s", agent, message or code)
  end
end

--- In the order in which it is called; it does not wait.
---@param agent string
---@param state string
---@param reason string?
---@param call_id string? of the party
---@param disposition string?
function M.note(agent, state, reason, call_id, disposition)
  moon.spawn(add, agent, state, reason, call_id, disposition, moon.now())
end

--- After a start: those who were logged in when the engine stopped are not.
---@param names table<string, any> agents that are defined
function M.tidy_up(names)
  moon.spawn(function()
    local offline = {}
    for name, agent in pairs(names) do
      if agent.state == "offline" then
        offline[#offline + 1] = name
      end
    end
    for _, name in ipairs(offline) do
      local last = (moon.db.query(moon.db.sql "agent_state_last", name) or {})[1]
      if last and last.state ~= "offline" and names[name].state == "offline" then
        add(name, "offline", "engine_started", nil, nil, moon.now())
      end
    end
  end)
end

return M
