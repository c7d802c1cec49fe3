--- What a campaign does with who has answered.
describe("detection of a campaign", function()
  local detection, seen

  setup(function()
    package.loaded["moondial"] = {
      detect_settings = function(settings)
        if settings.machine and settings.machine.voise then
          error({ code = "usage", message = "moon.detect_settings: unknown option 'machine.voise'" }, 0)
        end
        return settings
      end,
    }
    package.loaded["moondial.campaign.detection"] = nil
    detection = require "moondial.campaign.detection"
  end)

  teardown(function()
    package.loaded["moondial"], package.loaded["moondial.campaign.detection"] = nil, nil
  end)

  local function fail(fmt, ...)
    error({ code = "options", message = fmt:format(...) }, 0)
  end

  local function options(given)
    return detection.options(given, fail)
  end

  local function refused(given, text)
    local ok, err = pcall(options, given)
    assert.is_false(ok)
    assert.matches(text, err.message, 1, true)
  end

  --- A call of which that is found; a message can be LEFT on it, or not.
  local function call_of(found, left)
    seen = {}
    return setmetatable({
      detect_machine = function() return found end,
      leave_message = function(_, what, wait)
        seen.what, seen.wait = what, wait
        if left then
          return left
        end
        return nil, "timeout"
      end,
    }, {
      __index = function(_, name) return name == "detection" and seen.said end,
      __newindex = function(_, _, kind) seen.said = { kind = kind, cause = "script" } end,
    })
  end

  local function act(given, found, left)
    local call, machine = call_of(found, left), options(given)
    return detection.act(call, machine, detection.judge(call, machine))
  end

  it("says what a machine gets by one word, or in a table", function()
    assert.equal("hangup", options("hangup").action)
    assert.equal("continue", options({}).action)
    assert.equal("leave_message", options({ message = "hello" }).action)
    assert.equal("hangup", options("leave_message").on_fax)
    assert.equal("continue", options("leave_message").on_silence)
  end)

  it("hands settings on to the detector, and nothing else", function()
    local o = options({ action = "hangup", on_fax = "continue", total = 3, machine = { words = 5 }, keep = "{id}.wav" })
    assert.same({ total = 3, machine = { words = 5 }, keep = "{id}.wav" }, o.settings)
  end)

  it("refuses what is wrong, and says what", function()
    refused("hang_up", "\"leave_message\", \"hangup\", \"continue\"")
    refused({ machine = { voise = 1 } }, "option 'machine': unknown option 'machine.voise'")
    refused({ action = "hangup", message = "x" }, "machine.message")
    refused({ on_fax = true }, "machine.on_fax")
    refused({ wait = { seconds = 1 } }, "machine.wait")
    refused({ wait = { timeout = -1 } }, "machine.wait")
    refused({ screening = "yes" }, "machine.screening")
    refused({ keep = true }, "machine.keep")
  end)

  it("gives persons the flow, and whoever may be one", function()
    for _, kind in ipairs { "human", "unsure", "silence", "screening" } do
      assert.is_nil(act("leave_message", { kind = kind }, {}))
      assert.is_nil(act("hangup", { kind = kind }, {}))
    end
    assert.equal("silence", act({ on_silence = "hangup" }, { kind = "silence" }))
  end)

  it("goes on with a machine by default, hangs up, or leaves a message", function()
    local machine = { kind = "machine", cause = "voice" }
    assert.is_nil(act({}, machine))
    assert.equal("machine", act("hangup", machine))
    assert.equal("message_left", act({ message = "hello", wait = { timeout = 20 } }, machine, { after = "beep" }))
    assert.same({ what = "hello", wait = { timeout = 20 } }, seen)
    assert.equal("machine", act({ message = "hello" }, machine))
  end)

  it("has the flow speak after the beep, where there is no message", function()
    local machine = { kind = "machine", cause = "voice" }
    assert.is_nil(act("leave_message", machine, { after = "beep" }))
    assert.equal("machine", act("leave_message", machine))
  end)

  it("knows a fax, and recordings of the network", function()
    assert.equal("fax", act("leave_message", { kind = "fax", cause = "ced" }))
    assert.is_nil(act({ on_fax = "continue" }, { kind = "fax", cause = "ced" }))
    assert.equal("invalid", act({}, { kind = "machine", cause = "sit_vacant" }))
    assert.equal("congestion", act({}, { kind = "machine", cause = "sit_no_circuit" }))
    assert.is_nil(act({}, { kind = "machine", cause = "sit" }))
  end)

  it("has agents' seconds count from the greeting's end", function()
    local given
    local moon = package.loaded["moondial"]
    moon.now = function() return 100 end
    package.loaded["moondial.compliance.abandonment"] = { message = function() end }
    package.loaded["moondial.campaign.agents"] = nil
    local agents = require "moondial.campaign.agents"
    local call = { connect_agent = function(_, opts) given = opts return nil, "timeout" end }
    local attempt = { tell = function() end, greeted_at = 99.2 }
    assert.is_false(agents.serve({ agents = { group = "sales" } }, call, {}, attempt))
    assert.equal(99.2, given.since)
    assert.near(1.2, given.within, 1e-6)
    agents.serve({ agents = { group = "sales", within = 0.5 } }, call, {}, attempt)
    assert.near(0.1, given.within, 1e-6)
    agents.serve({ agents = { group = "sales", within = 5 } }, call, {}, { tell = function() end })
    assert.same({ nil, 5 }, { given.since, given.within })
    package.loaded["moondial.compliance.abandonment"], package.loaded["moondial.campaign.agents"] = nil, nil
  end)

  it("lets a script say what it is", function()
    local machine = { kind = "machine", cause = "words" }
    local function screening(_, found)
      return found.kind == "machine" and "screening" or nil
    end
    assert.is_nil(act({ action = "hangup", screening = screening }, machine))
    assert.equal("screening", seen.said.kind)
    assert.equal("fax", act({ screening = screening }, { kind = "fax" }))
    assert.is_nil(seen.said)
  end)
end)
