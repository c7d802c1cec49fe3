--- Whose turn it is.
describe("a strategy", function()
  local strategy = require "moondial.agents.strategy"

  local function names(list)
    local out = {}
    for i, candidate in ipairs(list) do
      out[i] = candidate.name
    end
    return table.concat(out, " ")
  end

  local function agents()
    return {
      { name = "ann", since = 30, talked = 100, skills = { french = 1 } },
      { name = "bob", since = 10, talked = 300, skills = { french = 3, german = 1 } },
      { name = "cid", since = 20, talked = 50, skills = {}, tier = 2 },
      { name = "dan", since = 10, talked = 300, skills = { german = 5 } },
    }
  end

  it("asks who has been idle longest, a name later breaks a tie, tiers first", function()
    assert.are.equal("bob dan ann cid", names(strategy.order("longest_idle", agents())))
    assert.are.equal("bob dan ann cid", names(strategy.order("ring_all", agents())))
  end)

  it("goes round: who comes after the last, then from the first again", function()
    assert.are.equal("ann bob dan cid", names(strategy.order("round_robin", agents())))
    assert.are.equal("bob dan ann cid", names(strategy.order("round_robin", agents(), nil, "ann")))
    assert.are.equal("ann bob dan cid", names(strategy.order("round_robin", agents(), nil, "dan")))
  end)

  it("spares who has talked most", function()
    assert.are.equal("ann bob dan cid", names(strategy.order("least_talk", agents())))
  end)

  it("asks only who can, the most able first", function()
    assert.are.equal("bob ann", names(strategy.order("skills", agents(), { french = 1 })))
    assert.are.equal("bob", names(strategy.order("longest_idle", agents(), { french = 2 })))
    assert.are.equal("dan bob", names(strategy.order("skills", agents(), { german = 1 })))
    assert.are.equal("", names(strategy.order("skills", agents(), { latin = 1 })))
    assert.are.equal("bob dan ann cid", names(strategy.order("skills", agents())))
  end)
end)

describe("the options of agents", function()
  local options = require "moondial.agents.options"

  local function message(f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    return err.message
  end

  it("make maps of lists, and know tiers and levels", function()
    local spec = options.agent { name = "ann", groups = { "sales", support = 2 }, skills = { "french", german = 3 } }
    assert.are.same({ sales = 1, support = 2 }, spec.groups)
    assert.are.same({ french = 1, german = 3 }, spec.skills)
    assert.are.same({ sales = 1 }, options.agent { name = "ann", groups = "sales" }.groups)
    assert.are.equal("sale", options.group { name = "g", dispositions = { [1] = "sale" } }.dispositions["1"])
  end)

  it("say what is wrong, and what there is", function()
    assert.matches("option 'name' is missing", message(options.agent, { groups = "sales" }))
    assert.matches("option 'groups' is missing", message(options.agent, { name = "ann" }))
    assert.matches("unknown option 'skill'; there are: .*skills", message(options.agent, { name = "a", skill = "x" }))
    assert.matches("'nailed_up' .*needs a 'target'",
      message(options.agent, { name = "a", groups = "g", nailed_up = true }))
    assert.matches("'strategy' must be one of longest_idle", message(options.group, { name = "g", strategy = "fifo" }))
    assert.matches("'pin' must be", message(options.agent, { name = "a", groups = "g", pin = 4711 }))
    assert.matches("'dispositions' must be", message(options.group, { name = "g", dispositions = { x = "sale" } }))
  end)
end)
