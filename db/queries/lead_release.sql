-- A claimed lead that won't be dialled now after all.
UPDATE leads SET state = 'ready', updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
