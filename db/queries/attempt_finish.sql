-- Said twice, the first holds.
UPDATE attempts SET ended_at_ms = ?, disposition = ?, sip_code = ?,
	cdr_id = ?
WHERE lead_id = ? AND attempt = ? AND ended_at_ms IS NULL
