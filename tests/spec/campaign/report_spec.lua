local report = require "moondial.campaign.report"

describe("a campaign's report", function()
  it("sums leads by disposition", function()
    local text = report.summary("c", {
      { state = "done", disposition = "confirmed", leads = 12, attempts = 14 },
      { state = "scheduled", disposition = "busy", leads = 2, attempts = 2 },
      { state = "ready", leads = 1, attempts = 0 },
    })
    assert.matches("confirmed +12 +14", text)
    assert.matches("to be called again %(busy%) +2 +2", text)
    assert.matches("to be called +1 +0", text)
    assert.matches("all +15 +16", text)
  end)

  it("says so when there are no leads", function()
    assert.matches("no leads", report.summary("c", {}))
  end)

  it("quotes CSV fields as RFC 4180 asks", function()
    local text = report.csv {
      { phone = "+1", state = "done", disposition = "ok", attempts = 1, next_at_ms = 0,
        fields = { name = 'O"Neil, Bob', note = "two\nlines" } },
    }
    assert.equal('phone,state,disposition,attempts,next_at_ms,name,note\r\n'
      .. '+1,done,ok,1,0,"O""Neil, Bob","two\nlines"\r\n', text)
  end)

  it("tells progress and why nothing is dialled", function()
    local f = { name = "c", active = 2, dialled = 3, leads = 20, answered = 1, done = 1, rate = 0.5 }
    f.why = "it is paused"
    assert.equal("campaign c: 2 active, dialled 3 of 20, answered 1, done 1, 0.5 a second (it is paused)",
      report.progress(f))
  end)
end)
