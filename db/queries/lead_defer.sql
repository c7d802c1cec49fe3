-- A claimed lead that must not be dialled before next_at_ms.
UPDATE leads SET state = 'scheduled', next_at_ms = ?, wait_reason = ?,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
