--- What becomes of a lead after an attempt: again later, or done.
local M = {}

--- Seconds to the next attempt, by disposition, where a campaign says nothing.
--- Dispositions that are not named are final.
M.defaults = { busy = 600, no_answer = 7200, congestion = 300 }
M.default_attempts = 3

--- One counter for each lead across all causes: `max_attempts` bounds them all.
---@param retry table<string, number> seconds by disposition, and max_attempts
---@param disposition string of the attempt
---@param attempts integer made so far, this one included
---@param now number seconds
---@return "scheduled"|"done" state
---@return number next_at seconds; 0 when done
function M.decide(retry, disposition, attempts, now)
  local delay = retry[disposition]
  if delay and attempts < retry.max_attempts then
    return "scheduled", now + delay
  end
  return "done", 0
end

return M
