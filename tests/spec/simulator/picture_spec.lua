local days = require "moondial.simulator.day"
local picture = require "moondial.simulator.picture"

describe("the picture of a day", function()
  it("is an SVG with a line in each panel for each number of agents", function()
    local runs = {}
    for i, agents in ipairs { 5, 10 } do
      runs[i] = { agents = agents, days = {} }
      for seed = 1, 2 do
        runs[i].days[seed] = days.new { agents = agents, hours = 0.5, seed = seed,
          pacing = { mode = "predictive" } }:run()
      end
    end
    local svg = picture.draw("predictive, <0.5> h & more", runs, { hours = 0.5, cap = 0.03 })
    assert.matches("^<svg xmlns=", svg)
    assert.matches("</svg>\n$", svg)
    assert.matches("&lt;0.5&gt; h &amp; more", svg, 1, true)
    local _, lines = svg:gsub("<polyline", "")
    assert.equal(2 * 4, lines)
    assert.is_nil(svg:find("nan") or svg:find("inf"))
    for points in svg:gmatch('points="([^"]*)"') do
      local _, count = points:gsub(",", "")
      assert.equal(30, count)
    end
  end)
end)
