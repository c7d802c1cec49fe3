-- The lead has answered.
UPDATE leads SET state = 'talking', updated_at_ms = ?
WHERE id = ? AND state = 'ringing'
