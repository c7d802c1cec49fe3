-- Take the next leads: those that have waited and are due before fresh ones. The
-- rows come in no particular order.
UPDATE leads SET state = 'claimed', updated_at_ms = ?
WHERE id IN (
	SELECT id FROM leads
	WHERE campaign = ? AND state IN ('new', 'ready')
	ORDER BY priority DESC, state DESC, next_at_ms, id
	LIMIT ?)
RETURNING id, campaign, phone, numbers, number_type, zones, list, priority,
	attempts, forgiven, disposition, agent, fields_json
