local randoms = require "moondial.simulator.random"

describe("the simulator's random numbers", function()
  local function mean_and_variance(draw, count)
    local sum, squares = 0, 0
    for _ = 1, count do
      local x = draw()
      sum, squares = sum + x, squares + x * x
    end
    return sum / count, squares / count - (sum / count) ^ 2
  end

  it("have the distributions that they should", function()
    local r = randoms.new(1)
    local mean, variance = mean_and_variance(function() return r:uniform() end, 20000)
    assert.is_true(math.abs(mean - 0.5) < 0.01 and math.abs(variance - 1 / 12) < 0.003)
    mean, variance = mean_and_variance(function() return r:gamma(2, 120) end, 20000)
    assert.is_true(math.abs(mean - 120) < 3 and math.abs(variance - 7200) < 500, mean .. " " .. variance)
    mean = mean_and_variance(function() return r:exponential(5) end, 20000)
    assert.is_true(math.abs(mean - 5) < 0.15, mean)
  end)
end)
