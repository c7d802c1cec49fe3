UPDATE leads SET state = 'ready', attempts = attempts - 1, updated_at_ms = ?
WHERE id = ? AND state = 'dialing'
