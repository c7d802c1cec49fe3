local retry = require "moondial.campaign.retry"

describe("a lead after an attempt", function()
  local rules = { max_attempts = 3, busy = 300, no_answer = 3600 }

  it("is called again after the delay of its disposition", function()
    assert.same({ "scheduled", 1300 }, { retry.decide(rules, "busy", 1, 1000) })
    assert.same({ "scheduled", 4600 }, { retry.decide(rules, "no_answer", 2, 1000) })
  end)

  it("is done with a disposition that has no retry", function()
    assert.same({ "done", 0 }, { retry.decide(rules, "declined", 1, 1000) })
  end)

  it("is done after its last attempt, whatever the causes were", function()
    assert.same({ "done", 0 }, { retry.decide(rules, "busy", 3, 1000) })
    assert.same({ "done", 0 }, { retry.decide(rules, "no_answer", 4, 1000) })
  end)
end)
