local pacing = require "moondial.campaign.pacing"

--- Calls started in `seconds`, asked each `step`, with `active` calls going on.
local function run(pacer, seconds, step, active)
  local started = 0
  for i = 0, math.floor(seconds / step) do
    for _ = 1, pacer:allowed(i * step, active or 0) do
      pacer:started()
      started = started + 1
    end
  end
  return started
end

describe("pacing", function()
  it("keeps to the rate", function()
    assert.is_true(math.abs(run(pacing.new { rate = 10, concurrent = 1000 }, 60, 0.05) - 600) <= 2)
  end)

  it("keeps to a rate below one a second", function()
    assert.is_true(math.abs(run(pacing.new { rate = 0.5, concurrent = 10 }, 60, 0.05) - 30) <= 1)
  end)

  it("never lets more than the cap go on", function()
    local pacer = pacing.new { rate = 100, concurrent = 5 }
    assert.equal(0, pacer:allowed(10, 5))
    assert.equal(0, pacer:allowed(20, 7))
    assert.is_true(pacer:allowed(30, 4) <= 1)
  end)

  it("without a rate fills up to the cap", function()
    assert.equal(7, pacing.new({ concurrent = 10 }):allowed(0, 3))
  end)

  it("starts no flood after a pause", function()
    local pacer = pacing.new { rate = 10, concurrent = 1000 }
    run(pacer, 1, 0.1)
    assert.is_true(pacer:allowed(3600, 0) <= 2)
  end)

  it("bears a clock that steps back", function()
    local pacer = pacing.new { rate = 10, concurrent = 10 }
    pacer:allowed(100, 0)
    pacer:started()
    assert.equal(0, pacer:allowed(10, 0))
    assert.equal(1, pacer:allowed(10.2, 0))
  end)

  it("tells how long to wait for the next call", function()
    local pacer = pacing.new { rate = 2, concurrent = 10 }
    assert.equal(1, pacer:allowed(0, 0))
    assert.equal(0, pacer:wait())
    pacer:started()
    assert.equal(0.5, pacer:wait())
  end)
end)
