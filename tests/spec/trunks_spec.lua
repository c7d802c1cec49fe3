local trunks = require "moondial.trunks"

local function order(given, number, random)
  return table.concat(trunks.list(given):order(number or "+4930123456", random), " ")
end

local function refused(given, word)
  local ok, err = pcall(trunks.list, given)
  assert.is_false(ok)
  assert.equal("options", err.code)
  assert.matches(word, err.message, 1, true)
end

describe("a list of trunks", function()
  it("keeps its order when nothing else is said", function()
    assert.equal("a b c", order { "a", "b", "c" })
    assert.equal("a", order "a")
  end)

  it("goes by priority first", function()
    assert.equal("b a c", order({ { "a", priority = 2 }, { "b" }, { "c", priority = 3 } }))
  end)

  it("shares calls by weight among those of one priority", function()
    local list = trunks.list { { "a", weight = 3 }, { "b", weight = 1 }, { "c", priority = 2 } }
    local first, seed = { a = 0, b = 0 }, 1
    local function random()
      seed = seed * 16807 % 2147483647
      return seed / 2147483647
    end
    for _ = 1, 4000 do
      local names = list:order("+1", random)
      first[names[1]] = first[names[1]] + 1
      assert.equal("c", names[3])
    end
    assert.is_true(first.a > 2900 and first.a < 3100, first.a)
  end)

  it("takes the cheapest for the number, by the longest prefix", function()
    local list = { "a", "b", "c", rates = { { "49", "a", 0.02 }, { "+4915", "a", 0.2 }, { "49", "b", 0.05 },
      { "", "b", 0.5 } } }
    assert.equal("a b c", order(list, "+4930123456"))
    assert.equal("b a c", order(list, "+4915123456"))
    assert.equal("b a c", order(list, "+33123456"):sub(1, 1) .. " a c")
    assert.equal(0.2, trunks.list(list):cost("a", "+4915123456"))
    assert.is_nil(trunks.list(list):cost("c", "+4915123456"))
  end)

  it("puts priority before cost", function()
    assert.equal("b a", order({ { "a", priority = 2 }, "b", rates = { { "", "a", 0.01 }, { "", "b", 9 } } }))
  end)

  it("says what is wrong with it", function()
    refused({}, "1 to 16 trunks")
    refused({ 5 }, "a trunk's name")
    refused({ { "a", wait = 1 } }, "unknown option 'wait'")
    refused({ { "a", weight = 0 } }, "weight one above 0")
    refused({ "a", rate = "x" }, "unknown option 'rate'")
    refused({ "a", rates = { { "x", "a", 1 } } }, "rates[1]")
    refused({ "a", rates = 5 }, "path of a CSV file")
  end)
end)
