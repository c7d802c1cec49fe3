local report = require "moondial.campaign.report"

describe("a campaign's report", function()
  it("sums leads by disposition", function()
    local text = report.summary("c", {
      { state = "done", disposition = "confirmed", leads = 12, attempts = 14 },
      { state = "scheduled", disposition = "busy", leads = 2, attempts = 2 },
      { state = "new", leads = 1, attempts = 0 },
    })
    assert.matches("confirmed +12 +14", text)
    assert.matches("to be called later %(busy%) +2 +2", text)
    assert.matches("to be called +1 +0", text)
    assert.matches("all +15 +16", text)
    local width
    for line in text:gmatch("[^\n]+") do
      width = width or #line
      assert.equal(width, #line, line)
    end
  end)

  it("says so when there are no leads", function()
    assert.matches("no leads", report.summary("c", {}))
  end)

  local function written(format, pages)
    local lines = {}
    local writer = report.writer(format, function(line) lines[#lines + 1] = line end,
      function(row) return row.phone end)
    for _, rows in ipairs(pages) do
      writer:look(rows)
    end
    for _, rows in ipairs(pages) do
      writer:rows(rows)
    end
    writer:finish()
    return lines
  end

  local row = { phone = "+1", state = "done", disposition = "ok", attempts = 1, next_at_ms = 0,
    fields = { name = 'O"Neil, Bob', note = "two\nlines" } }

  it("quotes CSV fields as RFC 4180 asks", function()
    local lines = written("csv", { { row } })
    assert.matches("^phone,state,disposition,attempts,next_at_ms,id,.*,name,note\r$", lines[1])
    assert.matches('^%+1,done,ok,1,0,.*,"O""Neil, Bob","two\nlines"\r$', lines[2])
    assert.equal(select(2, lines[1]:gsub(",", "")), select(2, lines[2]:gsub(",", "")) - 1)
  end)

  it("has no formulas for a spreadsheet to carry out", function()
    local line = written("csv", { { { phone = "+1", numbers = "+1,+22", state = "new", attempts = 0, priority = -5,
      fields = { a = "=cmd()", b = "@x", c = "-1+1", d = "-7", e = "+44 1" } } } })[2]
    assert.matches('^%+1,new,,0,', line)
    assert.matches('"%+1,%+22",', line)
    assert.matches(",'=cmd%(%),'@x,'%-1%+1,%-7,'%+44 1\r$", line)
  end)

  it("has the columns of all its pages", function()
    local other = { phone = "+2", state = "new", attempts = 0, fields = { city = "Rome" } }
    local lines = written("csv", { { row }, { other } })
    assert.matches(",city,name,note\r$", lines[1])
    assert.matches("^%+2,new,,0,.*,Rome,,\r$", lines[3])
  end)

  it("is one JSON array, also of many pages and of none", function()
    assert.equal("[+1,+1,+1]", table.concat(written("json", { { row, row }, { row } })))
    assert.equal("[]", table.concat(written("json", {})))
  end)

  it("has a header without a lead, too", function()
    assert.matches("^phone,", written("csv", {})[1])
    assert.equal("no leads", written("table", {})[1])
  end)

  it("tells progress and why nothing is dialled", function()
    local f = { name = "c", active = 2, dialled = 3, leads = 20, answered = 1, done = 1, rate = 0.5 }
    f.why = "it is paused"
    assert.equal("campaign c: 2 active, dialled 3 of 20, answered 1, done 1, 0.5 a second (it is paused)",
      report.progress(f))
  end)
end)
