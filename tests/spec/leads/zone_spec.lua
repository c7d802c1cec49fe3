local moon = dofile "tests/spec/moon.lua"

describe("the time zone of a lead", function()
  local zone

  setup(function()
    package.loaded["moondial"] = moon
    package.loaded["moondial.leads.zone"] = nil
    zone = require "moondial.leads.zone"
  end)

  teardown(function()
    package.loaded["moondial"], package.loaded["moondial.leads.zone"] = nil, nil
  end)

  -- 2026-11-27, a Friday
  local function utc(hour, min, day)
    return moon.zone_epoch("UTC", { year = 2026, month = 11, day = day or 27, hour = hour, min = min or 0 })
  end

  it("is read from the column", function()
    assert.same({}, zone.split(nil))
    assert.same({ "East" }, zone.split("East"))
    assert.same({ "East", "West" }, zone.split("East,West"))
  end)

  it("tells when its day begins and ends", function()
    assert.equal(utc(21, 0, 26), zone.midnight("East", utc(10)))
    assert.equal(utc(21), zone.midnight("East", utc(10), 1))
    assert.equal(utc(8), zone.midnight("West", utc(10)))
    assert.equal(utc(8, 0, 26), zone.midnight("West", utc(7)))
  end)

  for _, case in ipairs {
    { utc(1), utc(5), "morning" }, -- 04:00 there
    { utc(5), utc(9), "afternoon" }, -- 08:00
    { utc(8, 59), utc(9), "afternoon" },
    { utc(9), utc(14), "evening" }, -- 12:00
    { utc(14), utc(5, 0, 28), "morning" }, -- 17:00
    { utc(20, 59), utc(5, 0, 28), "morning" }, -- 23:59
  } do
    it(("has its %s next at %d"):format(case[3], case[1]), function()
      assert.same({ case[2], case[3] }, { zone.next_part("East", case[1]) })
    end)
  end

  it("is in the text of a moment", function()
    assert.equal("13:05 East", zone.text("East", utc(10, 5), utc(9)))
    assert.equal("2026-11-28 00:05 East", zone.text("East", utc(21, 5), utc(9)))
    assert.equal("2026-11-27 13:05 East", zone.text("East", utc(10, 5)))
  end)

  for text, at in pairs {
    ["15:00"] = utc(12),
    ["12:00"] = utc(9, 0, 28), -- 13:00 there already: tomorrow
    ["2026-12-01 09:30"] = moon.zone_epoch("UTC", { year = 2026, month = 12, day = 1, hour = 6, min = 30 }),
    ["90s"] = utc(10, 1) + 30,
    ["30m"] = utc(10, 30),
    ["2h"] = utc(12),
    ["3d"] = utc(10, 0, 30),
  } do
    it("reads the moment " .. text, function()
      assert.equal(at, zone.moment(text, "East", utc(10)))
    end)
  end

  it("takes seconds since the epoch as they are", function()
    assert.equal(12345.5, zone.moment(12345.5, "East", utc(10)))
  end)

  for _, wrong in ipairs { "soon", "25:00", "12:60", "2026-02-30 10:00", "2026-13-01 10:00", "-5m", true, -1, 0 / 0 } do
    it("refuses the moment " .. tostring(wrong), function()
      local at, reason = zone.moment(wrong, "East", utc(10))
      assert.is_nil(at)
      assert.is_string(reason)
    end)
  end
end)
