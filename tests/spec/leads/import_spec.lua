describe("the header of a list", function()
  local import

  setup(function()
    package.loaded["moondial"] = dofile "tests/spec/moon.lua"
    import = require "moondial.leads.import"
  end)

  teardown(function()
    for _, name in ipairs { "moondial", "moondial.leads.import", "moondial.leads.phone" } do
      package.loaded[name] = nil
    end
  end)

  local function kinds(header, wanted)
    local fields = {}
    for name in header:gmatch("[^,]+") do
      fields[#fields + 1] = name
    end
    local columns, order = import.columns({ line = 1, fields = fields }, "l.csv", wanted)
    local names = {}
    for i, column in ipairs(columns) do
      names[i] = column[1] .. "=" .. column[2]
    end
    local numbers = {}
    for i, at in ipairs(order) do
      numbers[i] = columns[at][1]
    end
    return table.concat(names, " "), table.concat(numbers, " ")
  end

  it("tells number, priority, zone and fields", function()
    assert.same({ "name=field phone=number priority=priority timezone=zone city=field", "phone" },
      { kinds("Name,Phone,Priority,Timezone,City") })
  end)

  it("may have several numbers, the first one first", function()
    assert.equal("phone mobile work_phone phone2", select(2, kinds("mobile,work_phone,phone,phone2,name")))
  end)

  it("takes no other column for a number", function()
    -- a house has a number, too
    assert.equal("phone", select(2, kinds("phone,number,street")))
    assert.equal("number", select(2, kinds("number,street")))
  end)

  it("may be told which columns have numbers", function()
    assert.equal("gsm desk", select(2, kinds("phone,desk,gsm", { "GSM", "desk" })))
  end)

  it("is refused without a number, with a column twice or without a name", function()
    for header, reason in pairs {
      ["name,city"] = "no column 'phone'",
      ["phone,a,A"] = "two columns are called 'a'",
      ["phone, ,b"] = "column 2 has no name",
    } do
      local ok, err = pcall(kinds, header)
      assert.is_false(ok)
      assert.equal("csv", err.code)
      assert.matches(reason, err.message, 1, true)
    end
  end)
end)
