UPDATE attempts SET ended_at_ms = ?, disposition = ?, sip_code = ?,
	cdr_id = ?
WHERE lead_id = ? AND attempt = ?
