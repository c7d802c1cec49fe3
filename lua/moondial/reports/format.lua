--- Rows as a table for people, as CSV (RFC 4180) or as JSON. Pure.
local M = {}

---@class ReportColumn
---@field [1] string the field's name, in CSV and JSON
---@field [2] string the heading for people
---@field [3] (fun(value: any, row: table): string)? for people

--- What a spreadsheet would take for a formula; a number is none, nor are several
--- of the telephone.
local function is_formula(text)
  return text:find("^[=@\t\r]") or text:find("^[+-]") and not text:find("^[+-]?[%d.]*$")
    and not text:find("^%+%d+[,+%d]*$")
end

--- A CSV field (RFC 4180): quoted where it must be, and with an apostrophe in front
--- of a formula.
---@param value any
---@return string
function M.field(value)
  local text = value == nil and "" or tostring(value)
  if type(value) == "string" and is_formula(text) then
    text = "'" .. text
  end
  if text:find('[",\r\n]') then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

---@param columns ReportColumn[]
---@param rows table[]
---@return string
function M.csv(columns, rows)
  local lines, cells = {}, {}
  for i, column in ipairs(columns) do
    cells[i] = column[1]
  end
  lines[1] = table.concat(cells, ",")
  for _, row in ipairs(rows) do
    cells = {}
    for i, column in ipairs(columns) do
      cells[i] = M.field(row[column[1]])
    end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\r\n") .. "\r\n"
end

--- Characters, not bytes.
local function width(text)
  return utf8.len(text) or #text
end

--- Aligned: the first column and texts to the left, numbers to the right.
---@param columns ReportColumn[]
---@param rows table[]
---@return string
function M.text(columns, rows)
  local grid, widths, right = { {} }, {}, {}
  for c, column in ipairs(columns) do
    grid[1][c], widths[c], right[c] = column[2], width(column[2]), c > 1
  end
  for r, row in ipairs(rows) do
    grid[r + 1] = {}
    for c, column in ipairs(columns) do
      local value = row[column[1]]
      local text = column[3] and column[3](value, row) or value == nil and "" or tostring(value)
      grid[r + 1][c], widths[c] = text, math.max(widths[c], width(text))
      right[c] = right[c] and (type(value) ~= "string")
    end
  end
  local lines = {}
  for r, cells in ipairs(grid) do
    local parts = {}
    for c, text in ipairs(cells) do
      local pad = (" "):rep(widths[c] - width(text))
      parts[c] = right[c] and pad .. text or text .. pad
    end
    lines[r] = (table.concat(parts, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

--- JSON through the engine: ENCODE and ARRAY are moon.json's.
---@param format "table"|"csv"|"json"
---@param columns ReportColumn[]
---@param rows table[]
---@param json table moon.json
---@return string
function M.render(format, columns, rows, json)
  if format == "json" then
    return json.encode(json.array(rows))
  end
  return format == "csv" and M.csv(columns, rows) or M.text(columns, rows)
end

-- ---- how people read values -------------------------------------------------

--- 0.031 → "3.1 %".
function M.percent(value)
  return value and ("%.1f %%"):format(value * 100) or "-"
end

--- Milliseconds → "0:42", "1:02:03".
function M.duration(ms)
  if not ms then
    return "-"
  end
  local s = (ms + 500) // 1000 | 0
  if s < 3600 then
    return ("%d:%02d"):format(s // 60, s % 60)
  end
  return ("%d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end

--- Milliseconds → "1.2 s".
function M.seconds(ms)
  return ms and ("%.1f s"):format(ms / 1000) or "-"
end

return M
