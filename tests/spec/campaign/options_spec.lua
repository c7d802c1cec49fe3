local options

local function flow() end

local function good(extra)
  local given = { name = "c", trunk = "t", leads = "l.csv", flow = flow }
  for name, value in pairs(extra or {}) do
    given[name] = value
  end
  return given
end

local function refused(given, ...)
  local ok, err = pcall(options.check, given)
  assert.is_false(ok)
  assert.equal("options", err.code)
  for _, word in ipairs { ... } do
    assert.matches(word, err.message, 1, true)
  end
end

describe("campaign options", function()
  setup(function()
    package.loaded["moondial"] = dofile "tests/spec/moon.lua"
    options = require "moondial.campaign.options"
  end)

  teardown(function()
    for _, name in ipairs { "", ".campaign.options", ".campaign.retry", ".leads.zone" } do
      package.loaded["moondial" .. name] = nil
    end
  end)

  it("are filled with defaults", function()
    local spec = options.check(good())
    assert.equal("broadcast", spec.pacing.mode)
    assert.same({ max_attempts = 3, busy = 600, no_answer = 7200, congestion = 300, blocked = 3600,
      abandoned = 259200 }, spec.retry)
    assert.equal(30, spec.timeout)
  end)

  it("keep what was given", function()
    local spec = options.check(good { pacing = { concurrent = 2, rate = 0.5 }, retry = { busy = 5, hung_up = 60 } })
    assert.equal(2, spec.pacing.concurrent)
    assert.equal(0.5, spec.pacing.rate)
    assert.equal(5, spec.retry.busy)
    assert.equal(60, spec.retry.hung_up)
    assert.equal(7200, spec.retry.no_answer)
  end)

  it("are overridden by the configuration, field by field", function()
    local spec = options.check(good { retry = { busy = 300 } }, { retry = { busy = 2 }, pacing = { rate = 1 } })
    assert.equal(2, spec.retry.busy)
    assert.equal(1, spec.pacing.rate)
  end)

  it("take a list of the configuration as a whole, and one number for a list", function()
    local given = good { pacing = { abandon_days = { 1, 7 } } }
    assert.same({ 30 }, options.check(given, { pacing = { abandon_days = { 30 } } }).pacing.abandon_days)
    assert.same({ 30 }, options.check(given, { pacing = { abandon_days = 30 } }).pacing.abandon_days)
  end)

  it("bound abandonment by the rules, and by no wider share", function()
    local spec = options.check(good { compliance = "us" }).pacing
    assert.same({ 0.03, 0.02, { 1, 30 } }, { spec.abandon_cap, spec.abandon_target, spec.abandon_days })
    spec = options.check(good { pacing = { abandon_cap = 0.01, abandon_target = 0.01, abandon_days = 7 } }).pacing
    assert.same({ 0.01, { 7, 30 } }, { spec.abandon_cap, spec.abandon_days })
    refused(good { pacing = { abandon_cap = 0.05 } }, "'pacing.abandon_cap'", "0.03")
    assert.equal(0.05, options.check(good { compliance = false, pacing = { abandon_cap = 0.05 } }).pacing.abandon_cap)
  end)

  it("of a campaign with agents: progressive, where nothing is said", function()
    assert.equal("progressive", options.check(good { agents = "sales" }).pacing.mode)
    refused(good { pacing = { mode = "predictive" } }, "'agents' is missing", "predictive")
  end)

  it("read values as people write them", function()
    assert.same({ 5, 0.5, "predictive", true, { 1, 30 } }, { options.value "5", options.value "0.5",
      options.value "predictive", options.value "true", options.value "1,30" })
  end)

  it("can switch a retry off", function()
    assert.is_nil(options.check(good { retry = { busy = false } }).retry.busy)
  end)

  it("may name several trunks", function()
    assert.same({ "a", "b" }, options.check(good { trunk = { "a", "b" } }).trunk)
    refused(good { trunk = {} }, "'trunk'", "list of 1 to 16 trunks")
    refused(good { trunk = { "a", 5 } }, "'trunk'")
    refused(good { trunk = { "a", x = "b" } }, "'trunk'")
  end)

  it("bound calls a day and to a number", function()
    assert.same({ lead = 3 }, options.check(good { max_per_day = 3 }).max_per_day)
    local both = { lead = 1, campaign = 9 }
    assert.same(both, options.check(good { max_per_day = both }).max_per_day)
    assert.same({ attempts = 7, days = 7 },
      options.check(good { max_per_number = { attempts = 7, days = 7 } }).max_per_number)
    assert.same({ attempts = 5 }, options.check(good { max_per_number = 5 }).max_per_number)
    for _, wrong in ipairs { 0, {}, { lead = 0 }, { leads = 3 }, "3" } do
      refused(good { max_per_day = wrong }, "'max_per_day'")
    end
    refused(good { max_per_number = { days = 7 } }, "'max_per_number'")
  end)

  it("say what the leads are", function()
    local spec = options.check(good { region = "US", list = "march", phones = { "gsm", "desk" }, unique = "all" })
    assert.same({ "US", "march", { "gsm", "desk" }, "all" }, { spec.region, spec.list, spec.phones, spec.unique })
    refused(good { region = "usa" }, "'region'", "two letters")
    refused(good { phones = "gsm" }, "'phones'")
    refused(good { phones = { 5 } }, "'phones'")
    refused(good { unique = true }, "'unique'")
  end)

  it("know rules of retries", function()
    local rule = { "exponential", base = 600, max = 7200 }
    assert.same(rule, options.check(good { retry = { no_answer = rule } }).retry.no_answer)
    assert.equal("next_part_of_day", options.check(good { retry = { busy = "next_part_of_day" } }).retry.busy)
    refused(good { retry = { busy = "tomorrow" } }, "'retry.busy'", "next_part_of_day")
    refused(good { retry = { busy = { "linear" } } }, "'retry.busy'")
  end)

  it("don't change the table that was given", function()
    local given = good { retry = {} }
    options.check(given, { retry = { busy = 2 } })
    assert.same({}, given.retry)
  end)

  it("name an unknown option and the nearest", function()
    refused(good { timout = 5 }, "'timout'", "'timeout'")
    refused(good { pacing = { concurent = 5 } }, "'pacing.concurent'", "'pacing.concurrent'")
  end)

  it("refuse what is missing or of the wrong kind", function()
    refused("x", "table of options")
    refused({ name = "c" }, "'flow' is missing")
    refused({ flow = flow }, "'name' is missing")
    refused(good { name = "a b" }, "'name'")
    refused(good { flow = 5 }, "'flow'")
    refused(good { pacing = { concurrent = 0 } }, "'pacing.concurrent'")
    refused(good { pacing = { concurrent = 1.5 } }, "'pacing.concurrent'")
    refused(good { pacing = { rate = 0 } }, "'pacing.rate'")
    refused(good { pacing = { mode = "fast" } }, "'pacing.mode'", "predictive")
    refused(good { pacing = { ratio = 0.5 } }, "'pacing.ratio'", "1 to 100")
    refused(good { pacing = { abandon_target = 2 } }, "'pacing.abandon_target'", "0.02 is 2 %")
    refused(good { pacing = { abandon_target = 0.05 } }, "'pacing.abandon_target'", "'pacing.abandon_cap'")
    refused(good { pacing = { abandon_days = { 0 } } }, "'pacing.abandon_days'")
    refused(good { retry = { busy = -1 } }, "'retry.busy'")
    refused(good { retry = { max_attempts = 0 } }, "'retry.max_attempts'")
    refused(good { retry = { 5 } }, "retry")
    refused(good { timeout = 1e9 }, "'timeout'")
  end)

  it("let a call ring long enough for the rules", function()
    refused(good { timeout = 10 }, "must ring for 15 s at least", "compliance = false")
    refused(good { timeout = 16, compliance = { preset = "us", ring = 20 } }, "20 s", "FTC")
    assert.equal(2, options.check(good { timeout = 2, compliance = false }).timeout)
    assert.equal(15, options.check(good { timeout = 15, compliance = "us" }).timeout)
  end)

  it("let nobody who has answered wait longer for an agent than the rules do", function()
    local spec = options.check(good { agents = "sales" })
    assert.equal(2, spec.agents.within)
    refused(good { agents = { group = "sales", within = 5 } }, "'agents.within' is 5 s", "within 2 s")
    assert.equal(5, options.check(good { agents = { group = "sales", within = 5 },
      compliance = { connect_within = 6 } }).agents.within)
    local free = options.check(good { agents = { group = "sales", within = 20 }, compliance = false })
    assert.equal(20, free.agents.within)
    assert.is_nil(options.check(good { agents = "sales", compliance = false }).agents.within)
  end)

  it("skip premium-rate numbers, or the types that they name", function()
    assert.same({ premium_rate = true }, options.check(good()).skip_types)
    assert.same({ shared_cost = true, pager = true },
      options.check(good { skip_types = { "shared_cost", "pager" } }).skip_types)
    assert.same({ voip = true }, options.check(good { skip_types = "voip" }).skip_types)
    assert.is_nil(options.check(good { skip_types = false }).skip_types)
    refused(good { skip_types = { "premium" } }, "'premium' is no type of number; there are: fixed_line,")
    refused(good { skip_types = { a = "pager" } }, "option 'skip_types' must be a list")
  end)

  it("know the rules of a region", function()
    local spec = options.check(good { compliance = { preset = "us", abandoned_max = 0.01 } })
    assert.equal(0.01, spec.compliance.abandoned_max)
    assert.equal(2, spec.compliance.connect_within)
    assert.equal(1, #spec.hours.rules)
    assert.equal(0, #options.check(good()).hours.rules)
    refused(good { compliance = "fr" }, "there are us, uk")
    refused(good { compliance = { rings = 3 } }, "unknown option 'compliance.rings'")
    refused(good { compliance = { ring = "x" } }, "'ring' must be a number")
  end)

  it("say what is wrong with hours", function()
    refused(good { hours = { "20:00-08:00" } }, "ends before it begins")
    refused(good { hours = 5 }, "option 'hours' must be")
  end)

  it("keep who got no agent from a dialer that may have none again", function()
    refused(good { retry = { abandoned = 3600 } }, "retry.abandoned", "72 h")
    refused(good { retry = { abandoned = "next_part_of_day" } }, "retry.abandoned")
    assert.is_nil(options.check(good { retry = { abandoned = false } }).retry.abandoned)
    assert.equal(60, options.check(good { retry = { abandoned = 60 }, compliance = false }).retry.abandoned)
    refused(good { compliance = "us", pacing = { abandon_cap = 0.1 } }, "pacing.abandon_cap", "0.03")
    refused(good { retry = { dnc = 60 } }, "not called again")
  end)

  it("say which lists of numbers hold, and which caller ids are shown", function()
    local spec = options.check(good { dnc = "us", caller_ids = { "+12125550100", choose = "area_code" } })
    assert.same({ "us" }, spec.dnc)
    assert.equal("area_code", spec.caller_ids.choose_by)
    assert.is_false(options.check(good { dnc = false }).dnc)
    refused(good { caller_ids = {} }, "a list of numbers is expected")
    refused(good { dnc = true }, "'dnc'")
  end)
end)
