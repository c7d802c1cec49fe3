local phone = require "moondial.leads.phone"

describe("a phone number", function()
  for text, number in pairs {
    ["+1 555 0100"] = "+15550100",
    ["(030) 123-45.67"] = "0301234567",
    ["0049/30/1234"] = "0049301234",
    ["112"] = "112",
  } do
    it(("'%s' is dialled as %s"):format(text, number), function()
      assert.equal(number, phone.normalize(text))
    end)
  end

  for text, reason in pairs {
    [""] = "no phone number",
    ["   "] = "no phone number",
    ["abc"] = "is not a phone number",
    ["+1555;phone-context=x"] = "is not a phone number",
    ["123@host"] = "is not a phone number",
    ["1+2"] = "is not a phone number",
    ["1"] = "too short",
    ["+1234567890123456"] = "has 16 digits",
  } do
    it(("'%s' is refused: %s"):format(text, reason), function()
      local number, why = phone.normalize(text)
      assert.is_nil(number)
      assert.matches(reason, why, 1, true)
    end)
  end

  it("that is missing is refused", function()
    assert.is_nil(phone.normalize(nil))
  end)
end)
