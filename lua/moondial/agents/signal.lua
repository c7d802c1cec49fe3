--- Something that one coroutine waits for and another makes happen: a source of
--- moon.select that is ready once it has been fired.
local moon = require "moondial"

local M = {}

local FOREVER = 7 * 24 * 3600

---@class Signal
---@field source table for moon.select
local Signal = {}
Signal.__index = Signal

--- Once; what is fired stays so.
function Signal:fire()
  self.source:cancel()
end

Signal.__close = Signal.fire

--- Whether it has been fired, or is gone: scripts were loaded again.
function Signal:is_over()
  local status = self.source.status
  return status == "done" or status == "cancelled" or status == "failed"
end

---@return Signal
function M.new()
  return setmetatable({ source = moon.spawn(moon.sleep, FOREVER) }, Signal)
end

return M
