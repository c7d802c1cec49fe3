-- A claimed lead that an agent does not want to call now: again later.
UPDATE leads SET state = 'scheduled', next_at_ms = ?, updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
