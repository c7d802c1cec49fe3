-- A claimed lead that must not be dialled at all.
UPDATE leads SET state = 'done', disposition = ?, wait_reason = ?,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
