--- Simulated days as a picture (SVG 1.1): occupancy, abandonment, persons who
--- wait and lines that ring, over the hours. One line for each number of agents,
--- the mean over its seeds.
local M = {}

local WIDTH, PANEL, GAP = 860, 150, 46
local LEFT, RIGHT, TOP = 62, 20, 64
local COLOURS = { "#1b6ca8", "#c8553d", "#3a7d44", "#7d4e9e", "#a17c0b", "#444444" }
local SMOOTH = 10 -- points on each side of a mean: occupancy of few agents is ragged

local PANELS = {
  { name = "occupancy", unit = "%", top = 100, value = function(p) return 100 * p.busy end, smooth = true },
  { name = "abandoned of live answers, so far today", unit = "%", bottom_top = 4,
    value = function(p) return p.live > 0 and 100 * p.abandoned / p.live or 0 end },
  { name = "persons without an agent, most at once in a minute", bottom_top = 2,
    value = function(p) return p.queue end },
  { name = "lines that ring", bottom_top = 5, value = function(p) return p.lines end, smooth = true },
}

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

--- The mean over DAYS of VALUE at each point.
local function mean_of(days, value)
  local list = {}
  for i = 1, #days[1].series do
    local sum = 0
    for _, day in ipairs(days) do
      sum = sum + value(day.series[i])
    end
    list[i] = sum / #days
  end
  return list
end

local function smoothed(list)
  local out = {}
  for i = 1, #list do
    local sum, n = 0, 0
    for j = math.max(1, i - SMOOTH), math.min(#list, i + SMOOTH) do
      sum, n = sum + list[j], n + 1
    end
    out[i] = sum / n
  end
  return out
end

--- The least of 1, 2, 5, 10, … that is not below X.
local function round_up(x)
  local unit = 10 ^ math.floor(math.log(math.max(x, 1e-9), 10))
  for _, step in ipairs { 1, 2, 5, 10 } do
    if step * unit >= x then
      return step * unit
    end
  end
end

local function panel(out, y, what, runs, cap)
  local lines, top = {}, what.top or what.bottom_top
  for i, run in ipairs(runs) do
    local line = mean_of(run.days, what.value)
    lines[i] = what.smooth and smoothed(line) or line
    for _, value in ipairs(lines[i]) do
      top = what.top or math.max(top, value)
    end
  end
  top = what.top or round_up(top)
  local function put(fmt, ...)
    out[#out + 1] = fmt:format(...)
  end
  put('<text x="%d" y="%d" class="title">%s</text>', LEFT, y - 8, escape(what.name))
  for i = 0, 4 do
    local at = y + PANEL - PANEL * i / 4
    put('<path d="M%d %.1fH%d" class="grid"/>', LEFT, at, WIDTH - RIGHT)
    put('<text x="%d" y="%.1f" class="scale">%g%s</text>', LEFT - 6, at + 4, top * i / 4, what.unit and " " .. what.unit
      or "")
  end
  if what.bottom_top == 4 and cap and cap <= top then
    put('<path d="M%d %.1fH%d" class="cap"/>', LEFT, y + PANEL - PANEL * cap / top, WIDTH - RIGHT)
  end
  for i, line in ipairs(lines) do
    local points = {}
    for j, value in ipairs(line) do
      points[j] = ("%.1f,%.1f"):format(LEFT + (WIDTH - LEFT - RIGHT) * (j - 0.5) / #line,
        y + PANEL - PANEL * math.min(value, top) / top)
    end
    put('<polyline points="%s" stroke="%s"/>', table.concat(points, " "), COLOURS[(i - 1) % #COLOURS + 1])
  end
end

--- The hours beneath the last panel.
local function hours_axis(out, y, hours)
  local step = hours <= 12 and 1 or math.ceil(hours / 12)
  for h = 0, hours // 1, step do
    out[#out + 1] = ('<text x="%.1f" y="%d" class="hour">%d h</text>'):format(
      LEFT + (WIDTH - LEFT - RIGHT) * h / hours, y + 16, h)
  end
end

---@param title string
---@param runs {agents: integer, days: DayResult[]}[]
---@param options {hours: number, cap: number} cap: the legal share of abandoned
---@return string svg
function M.draw(title, runs, options)
  local height = TOP + #PANELS * (PANEL + GAP)
  local out = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">'):format(WIDTH, height,
      WIDTH, height),
    "<style>text{font:12px sans-serif;fill:#333}.title{font-weight:bold}.scale{text-anchor:end}.hour{text-anchor:"
      .. "middle}polyline{fill:none;stroke-width:1.5}.grid{stroke:#ddd}.cap{stroke:#222;stroke-dasharray:6 4}</style>",
    '<rect width="100%" height="100%" fill="#fff"/>',
    ('<text x="%d" y="20" class="title">%s</text>'):format(LEFT, escape(title)),
  }
  local x = WIDTH - RIGHT
  for i = #runs, 1, -1 do
    local label = ("%d agents"):format(runs[i].agents)
    x = x - 8 * #label - 12
    out[#out + 1] = ('<text x="%d" y="38" style="fill:%s">%s</text>'):format(x, COLOURS[(i - 1) % #COLOURS + 1], label)
  end
  for i, what in ipairs(PANELS) do
    panel(out, TOP + (i - 1) * (PANEL + GAP) + 6, what, runs, 100 * options.cap)
  end
  hours_axis(out, TOP + (#PANELS - 1) * (PANEL + GAP) + 6 + PANEL, options.hours)
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return M
