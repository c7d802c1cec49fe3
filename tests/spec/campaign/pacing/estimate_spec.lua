local estimates = require "moondial.campaign.pacing.estimate"

describe("what the pacer learns", function()
  it("p follows the dials, with a weight of one in 150", function()
    local e = estimates.new()
    for i = 1, 3000 do
      e:completed(i % 5 == 0, 8)
    end
    assert.is_true(math.abs(e.p - 0.2) < 0.01, e.p)
    local before = e.p
    e:completed(true, 8)
    assert.is_true(math.abs(e.p - (before + (1 - before) / 150)) < 1e-9)
  end)

  it("looks 12 s ahead until 100 have answered, then the median of their delays", function()
    local e = estimates.new()
    for _ = 1, 99 do
      e:completed(true, 6)
    end
    assert.equal(12, e:horizon())
    e:completed(true, 6)
    assert.is_true(math.abs(e:horizon() - 6) <= 0.5, e:horizon())
  end)

  it("a call that rings for long needs nobody any more", function()
    local e = estimates.new()
    for i = 1, 500 do
      e:completed(i % 2 == 0, 5 + i % 10)
    end
    local r, width, last = e:needs()
    local function at(age) return r[math.min(last, age // width | 0)] end
    assert.is_true(math.abs(at(0) - e.p) < 1e-9)
    assert.is_true(at(10) < at(5) and at(20) < 0.05, at(20))
  end)

  --- Agents that talk for TALK and wrap up for WRAPUP, watched each second.
  local function watched(talk, wrapup, count)
    local e, now = estimates.new(), 0
    for _ = 1, count do
      for _, part in ipairs { { "ready", 10 }, { "talking", talk }, { "wrapup", wrapup } } do
        for second = 0, part[2] - 1 do
          e:watch({ { name = "a", state = part[1], since = now } }, now + second)
        end
        now = now + part[2]
      end
    end
    e:watch({ { name = "a", state = "ready", since = now } }, now)
    return e
  end

  it("sees from agents' states how long they talk and wrap up", function()
    local e = watched(60, 20, 400)
    assert.is_true(math.abs(e.talk:mean() - 60) < 4, e.talk:mean())
    assert.is_true(math.abs(e.wrapup:mean() - 20) < 2, e.wrapup:mean())
    local outlook = e:outlook() -- 12 s ahead
    assert.is_true(outlook.talking(10) < 0.05)
    assert.is_true(outlook.talking(59) < 0.1) -- there is a wrap-up of 20 s to come
    assert.is_true(outlook.wrapping(1) < 0.2)
    assert.is_true(outlook.wrapping(15) > 0.8)
  end)

  it("an agent without wrap-up is free when the call is over", function()
    local outlook = watched(60, 0, 400):outlook()
    assert.is_true(outlook.talking(54) > 0.8, outlook.talking(54))
    assert.is_true(outlook.talking(20) < 0.1)
  end)

  it("forgets agents who are gone", function()
    local e = estimates.new()
    e:watch({ { name = "a", state = "talking", since = 0 } }, 0)
    e:watch({}, 1)
    e:watch({ { name = "a", state = "ready", since = 2 } }, 2)
    assert.equal(0, e.talk.seen)
  end)

  it("learns nothing of a time in which it did not look", function()
    local e = estimates.new()
    e:watch({ { name = "a", state = "talking", since = 100 } }, 101)
    -- a pause of an hour, in which it had many calls: this one is not the same
    e:watch({ { name = "a", state = "talking", since = 3600 } }, 3700)
    assert.equal(0, e.talk.seen)
    e:watch({ { name = "a", state = "wrapup", since = 3701 } }, 3701)
    assert.equal(1, e.talk.seen)
  end)
end)
