local agendas = require "moondial.simulator.agenda"

describe("the agenda", function()
  it("hands out in the order of time, and of equal times the first put in", function()
    local agenda, seen, random = agendas.new(), {}, require("moondial.simulator.random").new(7)
    local put = {}
    for i = 1, 500 do
      local at = random:between(0, 50) // 1
      put[i] = { at, i }
      agenda:put(at, function() seen[#seen + 1] = { at, i } end)
    end
    table.sort(put, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end)
    while agenda:next() do
      agenda:take()()
    end
    assert.same(put, seen)
  end)
end)
