--- What the pacer hears of a campaign's calls.
describe("a campaign's calls", function()
  local calls, heard, now

  local function pacer()
    local p = {}
    for _, name in ipairs { "launched", "answered", "failed", "abandoned", "machine_hung_up" } do
      p[name] = function(_, _, what) heard[#heard + 1] = what == nil and name or name .. " " .. tostring(what) end
    end
    return p
  end

  setup(function()
    package.loaded["moondial"] = { now = function() return now end }
    package.loaded["moondial.campaign.calls"] = nil
    calls = require "moondial.campaign.calls"
  end)

  teardown(function()
    package.loaded["moondial"], package.loaded["moondial.campaign.calls"] = nil, nil
  end)

  local live, work
  before_each(function()
    heard, now = {}, 1000
    live, work = calls.new(pacer()), {}
    live.with_agents = true
    live:begin(work)
  end)

  local function counts()
    return { live.active, live.pending, #live:ages(now), live.waiting }
  end

  it("ring from the dial on, and wait when a person has answered", function()
    assert.same({ 1, 1, 1, 0 }, counts())
    now = 1002
    live:dialing(work)
    assert.same({ 1, 0, 1, 0 }, counts())
    now = 1010
    assert.same({ 8 }, live:ages(now))
    live:answered(work, "human")
    assert.same({ 1, 0, 0, 1 }, counts())
    live:agent(work)
    assert.same({ 1, 0, 0, 0 }, counts())
    assert.same({ live = 1, abandoned = 0, machines = 0 }, live:ended(work, "sale"))
    live:over(work)
    assert.same({ 0, 0, 0, 0 }, counts())
    assert.same({ "launched 1", "answered 8" }, heard)
  end)

  it("are abandoned once, and counted as answered too", function()
    live:dialing(work)
    live:answered(work, "unsure")
    live:abandoned(work)
    live:abandoned(work)
    assert.same({ live = 1, abandoned = 1, machines = 0 }, live:ended(work, "abandoned"))
    assert.same({ "launched 1", "answered 0", "abandoned" }, heard)
    assert.equal(0, live.waiting)
  end)

  it("of a broadcast are abandoned, too, when they want an agent and none comes", function()
    live.with_agents = false
    live:dialing(work)
    live:answered(work, "human")
    live:abandoned(work)
    assert.same({ live = 1, abandoned = 1, machines = 0 }, live:ended(work, "abandoned"))
    assert.same({ "launched 1", "answered 0", "abandoned" }, heard)
    assert.same({ 1, 0, 0, 0 }, counts())
    local machine = {}
    live:begin(machine)
    live:answered(machine, "fax")
    live:abandoned(machine)
    assert.is_nil(live:ended(machine, "abandoned"))
  end)

  it("that nobody answers are told with what became of them", function()
    live:dialing(work)
    assert.is_nil(live:ended(work, "congestion"))
    assert.same({ "launched 1", "failed congestion" }, heard)
    assert.same({ 1, 0, 0, 0 }, counts())
  end)

  it("of machines are no live answers; hung up on they count against q̂", function()
    live:dialing(work)
    live:answered(work, "machine")
    assert.same({ live = 0, abandoned = 0, machines = 1 }, live:ended(work, "machine"))
    assert.same({ "launched 1", "failed machine", "machine_hung_up" }, heard)
    local other = {}
    live:begin(other)
    live:dialing(other)
    live:answered(other, "machine")
    assert.is_nil(live:ended(other, "message_left"))
  end)

  it("that hang up before an agent came wait no more, and are not abandoned", function()
    live:dialing(work)
    live:answered(work, "human")
    assert.same({ live = 1, abandoned = 0, machines = 0 }, live:ended(work, "hung_up"))
    assert.equal(0, live.waiting)
  end)

  it("are told twice when a task died in between, and count once", function()
    live:dialing(work)
    live:dialing(work)
    live:answered(work, "human")
    live:answered(work, "human")
    local first = live:ended(work, "sale")
    assert.equal(first, live:ended(work, "sale"))
    assert.same({ "launched 1", "answered 0" }, heard)
    assert.same({ 1, 0, 0, 0 }, counts())
  end)

  it("that never were leave nothing behind", function()
    live:undone(work)
    live:over(work)
    assert.same({ 0, 0, 0, 0 }, counts())
    local died = {}
    live:begin(died)
    live:over(died)
    assert.same({ 0, 0, 0, 0 }, counts())
    assert.same({ "launched 1", "launched 1" }, heard)
  end)

  it("free their channels when they end, while their attempts go on", function()
    assert.equal(1, live.channels)
    live:dialing(work)
    live:answered(work, "human")
    live:agent(work)
    live:hung_up(work)
    live:hung_up(work)
    assert.same({ 0, 1 }, { live.channels, live.active })
    assert.same({ live = 1, abandoned = 0, machines = 0 }, live:ended(work, "sale"))
    live:over(work)
    assert.same({ 0, 0 }, { live.channels, live.active })
    local busy, never = {}, {}
    live:begin(busy)
    live:begin(never)
    live:ended(busy, "busy")
    live:undone(never)
    assert.same({ 0, 2 }, { live.channels, live.active })
  end)

  it("are the agents' whichever campaign has made them, and those that are granted, too", function()
    local other, elsewhere, without = calls.new(pacer()), calls.new(pacer()), calls.new(pacer())
    live.group, other.group, elsewhere.group, without.group = "sales", "sales", "support", "sales"
    other.with_agents, elsewhere.with_agents = true, true
    for _, one in ipairs { elsewhere, without } do
      one:begin({})
      one.coming = 2
    end
    now = 1003
    local person = {}
    other:begin(person)
    other:begin({})
    other:begin({ hold = {} }) -- its agent is not ready any more
    other:answered(person, "human")
    other.coming = 1
    local lives = { a = live, b = other, c = elsewhere, d = without }
    now = 1005
    local function found(group, in_both)
      local ages, waiting = calls.for_group(lives, group, now, function(name)
        return in_both and in_both[name] or 0
      end)
      table.sort(ages)
      return { ages, waiting }
    end
    assert.same({ { 0, 2, 5 }, 1 }, found "sales")
    assert.same({ {}, 0 }, found "nobody")
    -- an agent who is in both groups may be taken by a call for the other one
    assert.same({ { 0, 2, 5, 5 }, 1 }, found("sales", { support = 1 }))
    assert.same({ { 0, 0, 5 }, 0 }, found "support")
    local all = found("support", { sales = 1 })
    assert.same({ 4, 1 }, { #all[1], all[2] }) -- of each that has calls for sales one at most
  end)

  it("have a rate over ten seconds", function()
    for second = 1001, 1019 do
      now = second
      live:begin({})
    end
    assert.equal(1, live:rate())
    now = 1024
    assert.equal(0.5, live:rate())
  end)
end)
