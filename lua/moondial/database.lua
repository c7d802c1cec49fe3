--- The engine's own statements (db/queries) as steps that succeed or raise: a
--- database that fails is an error {code, message}, its code as of moon.db.
---
--- The engine is looked for when a step is made, since options are checked without
--- one, too.

local M = {}

local function moon()
  return require "moondial"
end

-- What moon.db returns when it fails in normal life: nil, code, message.
local function must(result, code, message)
  if result == nil then
    error({ code = code, message = "database: " .. message }, 0)
  end
  return result
end

--- Milliseconds since 1970, as all columns `…_at_ms`.
---@return integer
function M.now_ms()
  return math.floor(moon().now() * 1000)
end

--- The rows of the query NAME. Waits.
---@param name string
---@return table[]
function M.query(name, ...)
  local db = moon().db
  return must(db.query(db.sql(name), ...))
end

--- How many rows the statement NAME has changed. Waits; it is durable then.
---@param name string
---@return integer
function M.exec(name, ...)
  local db = moon().db
  return must(db.exec(db.sql(name), ...))
end

--- Several statements, all or none. Waits; they are durable then.
---@param statements table[] each {text, parameter…}, as of moon.db.transaction
---@return table[] rows
---@return integer changes
function M.transaction(statements)
  local rows, code, message = moon().db.transaction(statements)
  return must(rows, code, message), code --[[@as integer]]
end

--- The row of a campaign; raises {code = "unknown"} with the names that there are.
--- Waits.
---@param name string
---@return table
function M.campaign(name)
  local row = M.query("campaign_get", name)[1]
  if row then
    return row
  end
  local names = {}
  for i, other in ipairs(M.query("campaign_list")) do
    names[i] = other.name
  end
  error({ code = "unknown", message = ("there is no campaign '%s' in this database%s"):format(name,
    #names > 0 and "; there are: " .. table.concat(names, ", ") or "") }, 0)
end

return M
