local surplus = require "moondial.campaign.pacing.surplus"

local function near(expected, found, within)
  assert.is_true(math.abs(expected - found) <= within, ("%g, not %g"):format(found, expected))
end

describe("the expected calls without an agent", function()
  it("know the normal distribution", function()
    for z, integral in pairs { [0] = 0.5, [1] = 0.8413447, [-1] = 0.1586553, [-3] = 0.0013499, [2.5] = 0.9937903 } do
      local density, found = surplus.normal(z)
      near(integral, found, 1e-7)
      near(math.exp(-z * z / 2) / math.sqrt(2 * math.pi), density, 1e-12)
    end
  end)

  it("are exact for few: against all outcomes, one by one", function()
    local calls, agents = { 0.2, 0.5, 0.9 }, { 1, 0.3 }
    local s, expected = surplus.exact(), 0
    for _, r in ipairs(calls) do
      s:add_call(r)
    end
    for _, f in ipairs(agents) do
      s:add_agent(f)
    end
    for mask = 0, 31 do
      local chance, difference = 1, 0
      for bit = 0, 4 do
        local set = mask >> bit & 1
        local p = bit < 3 and calls[bit + 1] or agents[bit - 2]
        chance = chance * (set == 1 and p or 1 - p)
        difference = difference + (bit < 3 and set or -set)
      end
      expected = expected + chance * math.max(0, difference)
    end
    near(expected, s:expected(), 1e-12)
    near(1.6, s.calls, 1e-12)
    local more = s:with_call(0.4)
    s:add_call(0.4)
    near(s:expected(), more, 1e-12)
  end)

  it("are the mean's excess where nothing is left to chance", function()
    local s = surplus.by_normal()
    s:add_agent(1)
    assert.equal(0, s:expected())
    s:add_call(1)
    s:add_call(1)
    assert.equal(1, s:expected())
  end)

  it("agree, the normal and the exact, for many", function()
    local a, b = surplus.exact(), surplus.by_normal()
    for i = 1, 200 do
      a:add_call(0.2 + i % 3 / 10)
      b:add_call(0.2 + i % 3 / 10)
    end
    for i = 1, 70 do
      a:add_agent(0.8 + i % 2 / 10)
      b:add_agent(0.8 + i % 2 / 10)
    end
    near(a:expected(), b:expected(), 0.02)
    near(a:with_call(0.3), b:with_call(0.3), 0.02)
  end)
end)
