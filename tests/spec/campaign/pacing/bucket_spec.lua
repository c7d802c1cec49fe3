local bucket = require "moondial.campaign.pacing.bucket"

--- Calls started in `seconds`, asked each `step`.
local function run(b, seconds, step)
  local started = 0
  for i = 0, math.floor(seconds / step) do
    local count = b:allowed(i * step)
    b:take(count)
    started = started + count
  end
  return started
end

describe("the token bucket", function()
  it("keeps to the rate", function()
    assert.is_true(math.abs(run(bucket.new(10), 60, 0.05) - 600) <= 2)
  end)

  it("keeps to a rate below one a second", function()
    assert.is_true(math.abs(run(bucket.new(0.5), 60, 0.05) - 30) <= 1)
  end)

  it("starts no flood after a pause", function()
    local b = bucket.new(10)
    run(b, 1, 0.1)
    assert.is_true(b:allowed(3600) <= 2)
  end)

  it("bears a clock that steps back", function()
    local b = bucket.new(10)
    b:allowed(100)
    b:take(1)
    assert.equal(0, b:allowed(10))
    assert.equal(1, b:allowed(10.2))
  end)

  it("tells how long to wait for the next call", function()
    local b = bucket.new(2)
    assert.equal(1, b:allowed(0))
    assert.equal(0, b:wait())
    b:take(1)
    assert.equal(0.5, b:wait())
  end)

  it("takes another rate at once", function()
    local b = bucket.new(100)
    run(b, 1, 0.1)
    b:set(1)
    local began = run(b, 10, 0.1)
    assert.is_true(began <= 12, began)
  end)
end)
