-- The call and its script have ended: complete the record, once.
UPDATE cdrs SET
	account = ?, trunk = COALESCE(?, trunk), tried = ?,
	call_id = COALESCE(?, call_id), from_uri = COALESCE(?, from_uri),
	from_user = COALESCE(?, from_user), display_name = ?,
	to_uri = COALESCE(?, to_uri), remote_addr = COALESCE(?, remote_addr),
	ring_at_ms = ?, answered_at_ms = ?, ended_at_ms = ?,
	duration_ms = ?, talk_ms = ?,
	disposition = ?, sip_code = ?, reason = ?, q850 = ?,
	hangup_by = ?, hangup_cause = ?, hangup_line = ?,
	codec = ?, digits = ?,
	rx_packets = ?, rx_lost = ?, rx_duplicate = ?, rx_late = ?,
	rx_reordered = ?, rx_rejected = ?, rx_jitter_ms = ?,
	tx_packets = ?, remote_lost = ?, remote_jitter_ms = ?, rtt_ms = ?,
	rx_delay_ms = ?, rx_concealed_ms = ?, rx_burst = ?, rx_mos = ?,
	remote_mos = ?,
	script = COALESCE(?, script), recording = ?,
	script_error = ?, traceback = ?, user_json = ?,
	detection = ?, detection_cause = ?, detection_confidence = ?,
	detection_greeting_ms = ?, detection_words = ?,
	detection_noise_db = ?, detection_decided_ms = ?,
	detection_file = ?, tones = ?,
	bridged_to = ?, bridged_at_ms = ?, bridged_ms = ?, agent = ?
WHERE id = ?
