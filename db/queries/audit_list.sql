SELECT at_ms, uid, user_name, action, detail FROM campaign_audit
WHERE campaign = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, id
