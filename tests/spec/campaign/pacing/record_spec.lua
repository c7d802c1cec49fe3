local records = require "moondial.campaign.pacing.record"

local DAY = 86400

describe("the record of abandonment", function()
  it("counts over a day and over 30", function()
    local r = records.new { windows = { 1, 30 }, false_machine = 0 }
    for day = 0, 39 do
      for _ = 1, 10 do
        r:live(day * DAY)
      end
      r:abandoned(day * DAY + 5)
    end
    local today, month = table.unpack(r:all(39 * DAY + 100))
    assert.same({ 1, 10, 1, 0.1 }, { today.days, today.live, today.abandoned, today.share })
    assert.same({ 30, 300, 30, 0.1 }, { month.days, month.live, month.abandoned, month.share })
  end)

  it("counts persons that were taken for machines", function()
    local r = records.new { windows = { 1 }, false_machine = 0.05 }
    for _ = 1, 100 do
      r:live(0)
      r:machine(0)
    end
    r:abandoned(0)
    assert.equal(6, r:over(0, 1).x)
    assert.equal(0.06, r:over(0, 1).share)
  end)

  it("goes on with what was stored", function()
    local r = records.new { windows = { 1 }, false_machine = 0 }
    r:load(3, { live = 40, abandoned = 2, machines = 0 })
    r:live(3 * DAY)
    assert.equal(41, r:over(3 * DAY, 1).live)
    assert.equal(0, r:over(4 * DAY, 1).share)
  end)
end)
