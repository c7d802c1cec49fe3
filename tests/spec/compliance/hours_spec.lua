--- Calling hours against clocks whose changes are written down here; against the
--- system's time zones they are tested in tests/unit/script/test_hours.c.
local HOUR = 3600

--- zone → { {from t, offset}, … }
local ZONES = {
  UTC = { { -math.huge, 0 } },
  ["America/New_York"] = { { -math.huge, -5 * HOUR }, { 1772953200, -4 * HOUR }, { 1793512800, -5 * HOUR } },
  ["America/Chicago"] = { { -math.huge, -6 * HOUR }, { 1772956800, -5 * HOUR }, { 1793516400, -6 * HOUR } },
  ["Asia/Tokyo"] = { { -math.huge, 9 * HOUR } },
}

local function offset_at(zone, t)
  local offset
  for _, change in ipairs(zone) do
    offset = t >= change[1] and change[2] or offset
  end
  return offset
end

local function zone_time(name, t)
  local zone = ZONES[name]
  if not zone then
    return nil, "unknown"
  end
  local offset = offset_at(zone, t)
  local z = os.date("!*t", math.floor(t) + offset)
  z.wday = (z.wday + 5) % 7 + 1
  z.offset = offset
  return z
end

local function utc(fields)
  local t = os.time { year = fields.year, month = fields.month, day = fields.day, hour = 12 }
  local noon = os.date("!*t", t)
  local days = t - noon.hour * HOUR - noon.min * 60 - noon.sec
  return days + (fields.hour or 0) * HOUR + (fields.min or 0) * 60
end

local function zone_epoch(name, fields)
  local local_t = utc(fields)
  for _, change in ipairs(ZONES[name]) do
    local t = local_t - change[2]
    if offset_at(ZONES[name], t) == change[2] then
      return t
    end
  end
  error("a skipped time: not here")
end

describe("calling hours", function()
  local hours, presets
  local rests = 0

  setup(function()
    package.loaded["moondial"] = { zone_time = zone_time, zone_epoch = zone_epoch,
      sleep = function() rests = rests + 1 end }
    package.loaded["moondial.compliance.hours"] = nil
    hours = require "moondial.compliance.hours"
    presets = require "moondial.compliance.presets"
  end)

  teardown(function()
    package.loaded["moondial"], package.loaded["moondial.compliance.hours"] = nil, nil
  end)

  -- 2026-06-03 was a Wednesday
  local function at(zone, day, hour, min, month)
    return zone_epoch(zone, { year = 2026, month = month or 6, day = day, hour = hour, min = min or 0 })
  end

  local function refused(spec, word)
    local ok, err = pcall(hours.parse, spec)
    assert.is_false(ok)
    assert.equal("options", err.code)
    assert.matches(word, err.message, 1, true)
  end

  it("are by the clock at the called place", function()
    local h = hours.parse { "Mon-Fri 09:00-20:00", "Sat 10:00-16:00" }
    assert.is_true(h:open({ "America/New_York" }, at("America/New_York", 3, 9)))
    assert.is_true(h:open({ "America/New_York" }, at("America/New_York", 3, 19, 59)))
    assert.is_false((h:open({ "America/New_York" }, at("America/New_York", 3, 20))))
    assert.is_false((h:open({ "America/New_York" }, at("America/New_York", 3, 8, 59))))
    -- nine there is eight here
    assert.is_false((h:open({ "America/Chicago" }, at("America/New_York", 3, 9))))
  end)

  it("say when they open, and why they are closed", function()
    local h = hours.parse { "Mon-Fri 09:00-20:00", "Sat 10:00-16:00" }
    local open, opens_at, why = h:open({ "America/New_York" }, at("America/New_York", 6, 17, 5))
    assert.is_false(open)
    assert.equal(at("America/New_York", 8, 9), opens_at) -- Monday
    assert.equal("it is Sat 17:05 in America/New_York, outside the calling hours (Mon-Fri 09:00-20:00; "
      .. "Sat 10:00-16:00)", why)
    local _, again = h:open({ "America/New_York" }, at("America/New_York", 6, 9, 59))
    assert.equal(at("America/New_York", 6, 10), again)
  end)

  it("must be open in all zones of an ambiguous number", function()
    local h = hours.parse { "09:00-17:00" }
    local both = { "America/New_York", "America/Chicago" }
    assert.is_false((h:open(both, at("America/New_York", 3, 9, 30))))
    assert.is_true(h:open(both, at("America/Chicago", 3, 9)))
    local _, opens_at = h:open(both, at("America/Chicago", 3, 16, 30))
    assert.equal(at("America/Chicago", 4, 9), opens_at)
  end)

  it("let others have their turn while dozens of zones are looked at", function()
    local h, zones = hours.parse { "09:00-17:00" }, {}
    for i = 1, 40 do
      zones[i] = i % 2 == 0 and "America/New_York" or "America/Chicago"
    end
    rests = 0
    assert.is_true(h:open(zones, at("America/Chicago", 3, 9)))
    assert.equal(8, rests)
    assert.is_false((h:open(zones, at("America/Chicago", 3, 18))))
    assert.is_true(rests >= 16)
  end)

  it("never open where zones have no hour in common", function()
    local h = hours.parse { "09:00-17:00" }
    local open, opens_at = h:open({ "America/New_York", "Asia/Tokyo" }, at("UTC", 3, 12))
    assert.is_false(open)
    assert.is_nil(opens_at)
  end)

  it("follow the clock on the days on which it changes", function()
    local h = hours.parse { "09:00-20:00" }
    -- Sunday 8 March 2026 has 23 hours, Sunday 1 November 25
    local _, opens_at = h:open({ "America/New_York" }, at("America/New_York", 7, 20, 30, 3))
    assert.equal(at("America/New_York", 7, 20, 30, 3) + 11.5 * HOUR, opens_at)
    _, opens_at = h:open({ "America/New_York" }, at("America/New_York", 31, 20, 30, 10))
    assert.equal(at("America/New_York", 31, 20, 30, 10) + 13.5 * HOUR, opens_at)
  end)

  it("are closed on holidays, dated or of every year", function()
    local h = hours.parse { "09:00-17:00", holidays = { "2026-06-04", "06-05" } }
    local open, opens_at, why = h:open({ "UTC" }, at("UTC", 4, 12))
    assert.is_false(open)
    assert.equal(at("UTC", 6, 9), opens_at)
    assert.matches("holiday in UTC (2026-06-04)", why, 1, true)
    assert.is_true(h:open({ "UTC" }, at("UTC", 4, 12) + 365 * 24 * HOUR))
  end)

  it("may be holidays alone", function()
    local h = hours.parse { holidays = { "06-05" } }
    assert.is_true(h:open({ "UTC" }, at("UTC", 4, 3)))
    local open, opens_at = h:open({ "UTC" }, at("UTC", 5, 3))
    assert.is_false(open)
    assert.equal(at("UTC", 6, 0), opens_at)
  end)

  it("of a campaign and of a region hold together", function()
    local h = hours.parse({ "06:00-22:00" }, presets.presets.us)
    assert.is_false((h:open({ "UTC" }, at("UTC", 3, 7, 30))))
    assert.is_true(h:open({ "UTC" }, at("UTC", 3, 8)))
    local open, _, why = h:open({ "UTC" }, at("UTC", 3, 21, 30))
    assert.is_false(open)
    assert.matches("FTC", why, 1, true)
  end)

  it("are stricter in some states", function()
    local h = hours.parse(nil, presets.presets.us)
    local sunday = at("UTC", 7, 11)
    assert.is_true(h:open({ "UTC" }, sunday))
    assert.is_true(h:open({ "UTC" }, sunday, "NY"))
    for _, state in ipairs { "TX", "texas", " US-TX " } do
      local open, opens_at, why = h:open({ "UTC" }, sunday, state)
      assert.is_false(open)
      assert.equal(at("UTC", 7, 12), opens_at)
      assert.matches("TX", why, 1, true)
    end
    local _, opens_at = h:open({ "UTC" }, sunday, "AL")
    assert.equal(at("UTC", 8, 8), opens_at)
  end)

  it("come with a limit of calls a day in some states", function()
    local h = hours.parse(nil, presets.presets.us)
    assert.equal(3, h:calls_a_day("Maryland"))
    assert.is_nil(h:calls_a_day("TX"))
    assert.is_nil(h:calls_a_day(nil))
    assert.is_nil(hours.parse({}):calls_a_day("MD"))
  end)

  it("need a zone", function()
    local h = hours.parse { "09:00-17:00" }
    local open, opens_at, why = h:open(nil, at("UTC", 3, 12))
    assert.is_false(open)
    assert.is_nil(opens_at)
    assert.matches("time zone is not known", why, 1, true)
    assert.is_true(hours.parse({ "09:00-17:00", zone = "UTC" }):open({}, at("UTC", 3, 12)))
    assert.is_true(hours.parse({}):open(nil, 0))
  end)

  it("understand days and spans as people write them", function()
    local h = hours.parse { "Sat-Mon,wednesday 9:00-12:00, 13:00-24:00", "Tue 00:00–06:00" }
    assert.is_true(h:open({ "UTC" }, at("UTC", 3, 23, 59)))
    assert.is_false((h:open({ "UTC" }, at("UTC", 3, 12, 30))))
    assert.is_true(h:open({ "UTC" }, at("UTC", 1, 10))) -- Monday
    assert.is_true(h:open({ "UTC" }, at("UTC", 2, 5))) -- Tuesday
    assert.is_false((h:open({ "UTC" }, at("UTC", 4, 10))))
  end)

  it("that can't be meant are refused", function()
    refused({ "22:00-06:00" }, "ends before it begins")
    refused({ "Mon-Fri 09:00-25:00" }, "no time of day")
    refused({ "Mon-Fry 09:00-17:00" }, "'Fry' is no day")
    refused({ "always" }, "is not understood")
    refused({ "9-17" }, "no span of time")
    refused({ 5 }, "a text such as")
    refused({ "09:00-17:00", holidays = { "2026-13-01" } }, "no date")
    refused({ "09:00-17:00", hollidays = {} }, "unknown option 'hours.hollidays'")
    refused({ preset = "fr" }, "there are us, uk")
    refused({ zone = "Mars" }, "no time zone")
    refused(5, "is expected")
  end)
end)
