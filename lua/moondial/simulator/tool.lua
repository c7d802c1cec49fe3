--- `moondial simulate`: days of a campaign in virtual time, as text, JSON, picture.
local moon = require "moondial"
local days = require "moondial.simulator.day"
local options = require "moondial.campaign.options"
local pacing = require "moondial.campaign.pacing"
local picture = require "moondial.simulator.picture"
local scenarios = require "moondial.simulator.scenario"

local M = {}

local MOST_AGENTS, MOST_SEEDS, MOST_HOURS = 2000, 1000, 24

local function fail(fmt, ...)
  error({ code = "options", message = "simulate: " .. fmt:format(...) }, 0)
end

--- What --set may change of the world: fields of Model.
local MODEL = {
  p = { 0, 1 }, congestion = { 0, 1 }, talk = { 1, 7200 }, wrapup = { 0, 3600 }, ring = { 5, 600 },
  within = { 0, 60 },
}

local function number_between(text, what, low, high, whole)
  local value = tonumber(text)
  if not value or value < low or value > high or whole and math.type(value) ~= "integer" then
    fail("%s must be a %snumber from %g to %g, not '%s'", what, whole and "whole " or "", low, high, text)
  end
  return value
end

--- "5,10,20" → {5, 10, 20}.
local function sizes(text)
  local list = {}
  for word in (text .. ","):gmatch("([^,]*),") do
    list[#list + 1] = number_between(word, "--agents", 1, MOST_AGENTS, true)
  end
  return list
end

--- "pacing.rate=5", "model.p=0.3".
local function settings(list, mode)
  local given, model = { mode = mode }, {}
  for _, text in ipairs(list) do
    local room, name, value = text:match("^(%a+)%.([%w_]+)=(.+)$")
    if room == "pacing" then
      given[name] = options.value(value)
    elseif room == "model" and MODEL[name] then
      model[name] = number_between(value, "--set model." .. name, MODEL[name][1], MODEL[name][2])
    else
      fail("--set '%s': pacing.NAME=VALUE, or model.NAME=VALUE with p, congestion, talk, wrapup, ring, within", text)
    end
  end
  return options.pacing(given), model
end

local function mean(list, field)
  local sum = 0
  for _, day in ipairs(list) do
    sum = sum + day[field]
  end
  return sum / #list
end

--- The worst day: the largest share of abandoned.
local function worst(list)
  local most = list[1]
  for _, day in ipairs(list) do
    if day.share > most.share then
      most = day
    end
  end
  return most
end

local function table_of(runs, with_agents)
  if not with_agents then
    local lines = { ("%10s %10s %10s"):format("dials", "answered", "dials/h") }
    for _, run in ipairs(runs) do
      lines[#lines + 1] = ("%10.0f %10.0f %10.0f"):format(mean(run.days, "dials"), mean(run.days, "live"),
        mean(run.days, "dials") / run.hours)
    end
    return lines
  end
  local lines = { ("%6s  %9s  %9s  %9s  %8s  %8s  %8s  %9s"):format("agents", "occupancy", "abandoned", "worst day",
    "answered", "dials", "idle", "gate shut") }
  for _, run in ipairs(runs) do
    lines[#lines + 1] = ("%6d  %7.1f %%  %7.2f %%  %7.2f %%  %8.0f  %8.0f  %6.1f s  %7.1f %%"):format(run.agents,
      100 * mean(run.days, "occupancy"), 100 * mean(run.days, "share"), 100 * worst(run.days).share,
      mean(run.days, "live"), mean(run.days, "dials"), mean(run.days, "idle"), 100 * mean(run.days, "shut"))
  end
  return lines
end

--- Figures that are times, in seconds here: in JSON milliseconds, by their name.
local TIMES = { idle = true, waited = true }

local function put(out, name, value)
  if TIMES[name] then
    out[name .. "_ms"] = (value * 1000 + 0.5) // 1 | 0
  else
    out[name] = value
  end
end

local function json_of(runs)
  local list = {}
  for i, run in ipairs(runs) do
    local out = { agents = run.agents, mode = run.mode, hours = run.hours, days = {} }
    for j, day in ipairs(run.days) do
      out.days[j] = {}
      for name, value in pairs(day) do
        if name ~= "series" then
          put(out.days[j], name, value)
        end
      end
      out.days[j].seed = j
    end
    for _, field in ipairs { "occupancy", "share", "live", "abandoned", "dials", "idle", "waited", "shut" } do
      put(out, field, mean(run.days, field))
    end
    list[i] = out
  end
  return list
end

---@class SimulateOptions words of the command line
---@field agents string?
---@field mode string?
---@field seeds string?
---@field hours string?
---@field scenario string?
---@field svg string?
---@field json boolean?
---@field set string[]?

---@param given SimulateOptions
---@return {text: string, path: string?, content: string?} content: of the picture, to be written to path
function M.simulate(given)
  local mode = given.mode or "predictive"
  local numbers, seeds = sizes(given.agents or "20"), number_between(given.seeds or "1", "--seeds", 1, MOST_SEEDS, true)
  local hours = number_between(given.hours or "8", "--hours", 0.1, MOST_HOURS)
  local scenario = given.scenario and (scenarios.all[given.scenario] or
    fail("there is no scenario '%s'; there are: %s", given.scenario, table.concat(scenarios.names(), ", ")))
  if mode == "preview" or mode == "manual" then
    fail("in mode %s agents choose whom to dial: there is no pace to simulate", mode)
  end
  local spec, model = settings(given.set or {}, mode)
  local runs = {}
  for i, agents in ipairs(numbers) do
    runs[i] = { agents = agents, mode = mode, hours = hours, days = {} }
    for seed = 1, seeds do
      runs[i].days[seed] = days.new {
        agents = agents, hours = hours, seed = seed, pacing = spec, model = model, scenario = scenario,
      }:run()
      moon.sleep(0) -- the next day is a slice of its own
    end
  end
  local title = ("%s, %g h, %d seed(s)%s"):format(mode, hours, seeds, scenario and ": " .. scenario.what or "")
  local lines = table_of(runs, pacing.agent_modes[mode])
  table.insert(lines, 1, title)
  return {
    text = given.json and moon.json.encode(json_of(runs)) or table.concat(lines, "\n"),
    path = given.svg,
    content = given.svg and picture.draw(title, runs, { hours = hours, cap = spec.abandon_cap or
      pacing.defaults.abandon_cap }),
  }
end

return M
