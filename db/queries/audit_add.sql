INSERT INTO campaign_audit (id, campaign, at_ms, uid, user_name, action,
	detail, options_json)
VALUES (new_id(), ?, ?, ?, ?, ?, ?, ?)
