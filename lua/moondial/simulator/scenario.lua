--- Days that don't go on as they began. Each changes the world at half of the day.
local M = {}

---@class Scenario
---@field what string in words, for --help and the picture
---@field p number? the answer rate that the day begins with
---@field change fun(day: Day)

---@type table<string, Scenario>
M.all = {
  jump = {
    what = "the answer rate jumps from 10 to 35 %",
    p = 0.10,
    change = function(day) day.model.p = 0.35 end,
  },
  drop = {
    what = "the answer rate falls from 35 to 10 %",
    p = 0.35,
    change = function(day) day.model.p = 0.10 end,
  },
  leave = {
    what = "a third of the agents leave at once",
    change = function(day) day:leave(#day.agents // 3) end,
  },
  slow = {
    what = "calls take twice as long",
    change = function(day) day.model.talk = 2 * day.model.talk end,
  },
  congestion = {
    what = "the carrier refuses half of all calls for ten minutes",
    change = function(day)
      day.model.congestion = 0.5
      day.agenda:put(day.now + 600, function() day.model.congestion = 0 end)
    end,
  },
}

--- Their names, for messages.
---@return string[]
function M.names()
  local names = {}
  for name in pairs(M.all) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return M
