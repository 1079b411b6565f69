-- A member of the due set: whose schedule it is, of what, and the mark of its plan, by which all
-- schedules that are defined alike are known; the stored text begins with it. A score with a half
-- says that the run before was dispatched.
local function due_member(company, data_type, text)
  return company .. '|' .. data_type .. '|' .. string.sub(text, 1, 8)
end
