--- Not a spec: the engine as these specs need it, with two zones of fixed hours
--- ("East" +3, "West" −8) and a clock that stands still.
local OFFSET = { East = 3, West = -8, UTC = 0 }

local function days(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

local moon = { clock = 0, db = { null = false }, json = { decode = function(t) return t end } }

function moon.now() return moon.clock end

function moon.sleep() end

function moon.zone_time(zone, t)
  local c = os.date("!*t", math.floor(t + OFFSET[zone] * 3600))
  return { year = c.year, month = c.month, day = c.day, hour = c.hour, min = c.min, sec = c.sec }
end

function moon.zone_epoch(zone, c)
  return days(c.year, c.month, c.day) * 86400 + (c.hour or 0) * 3600 + (c.min or 0) * 60 + (c.sec or 0)
    - OFFSET[zone] * 3600
end

return moon
