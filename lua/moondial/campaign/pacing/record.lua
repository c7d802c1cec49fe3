--- Who answered and got no agent: the counts that bound abandonment, by day, and
--- the shares over each legal window (DIALING.md, "Pacing modes": X/L).
---
--- L counts live persons only. X includes those who were hung up on because they
--- were taken for machines: the share of persons among such, q̂, times their number.
local M = {}

---@class AbandonmentRecord
---@field windows integer[] days, the present one included
---@field false_machine number q̂
---@field day fun(now: number): integer the number of a day
---@field days table<integer, {live: integer, abandoned: integer, machines: integer}>
local Record = {}
Record.__index = Record

---@param options {windows: integer[], false_machine: number, day: (fun(now: number): integer)?}
---@return AbandonmentRecord
function M.new(options)
  return setmetatable({
    windows = options.windows,
    false_machine = options.false_machine,
    day = options.day or function(now) return now // 86400 | 0 end,
    days = {},
  }, Record)
end

--- What is known of a day of before: after a restart.
---@param day integer
---@param counts {live: integer, abandoned: integer, machines: integer}
function Record:load(day, counts)
  self.days[day] = { live = counts.live, abandoned = counts.abandoned, machines = counts.machines }
end

local function count(self, what, now)
  local day = self.day(now)
  local counts = self.days[day]
  if not counts then
    counts = { live = 0, abandoned = 0, machines = 0 }
    self.days[day] = counts
  end
  counts[what] = counts[what] + 1
end

--- A live person has answered.
function Record:live(now)
  count(self, "live", now)
end

--- A live person got no agent in time.
function Record:abandoned(now)
  count(self, "abandoned", now)
end

--- A call was hung up on because a machine had answered.
function Record:machine(now)
  count(self, "machines", now)
end

---@class AbandonmentWindow
---@field days integer
---@field live integer L
---@field abandoned integer without the persons taken for machines
---@field machines integer
---@field x number X
---@field share number X / L; 0 while nobody has answered

--- The counts over the last DAYS days.
---@param now number
---@param days integer
---@return AbandonmentWindow
function Record:over(now, days)
  local today = self.day(now)
  local live, abandoned, machines = 0, 0, 0
  for day = today - days + 1, today do
    local counts = self.days[day]
    if counts then
      live, abandoned, machines = live + counts.live, abandoned + counts.abandoned, machines + counts.machines
    end
  end
  local x = abandoned + self.false_machine * machines
  return { days = days, live = live, abandoned = abandoned, machines = machines, x = x,
    share = live > 0 and x / live or 0 }
end

--- All windows.
---@param now number
---@return AbandonmentWindow[]
function Record:all(now)
  local list = {}
  for i, days in ipairs(self.windows) do
    list[i] = self:over(now, days)
  end
  return list
end

return M
