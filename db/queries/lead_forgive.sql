-- An attempt that doesn't count: what was wrong was not the lead's.
UPDATE leads SET forgiven = forgiven + 1 WHERE id = ?
