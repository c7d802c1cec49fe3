-- Retries that have come due. In one transaction before lead_claim.
UPDATE leads SET state = 'ready', updated_at_ms = ?
WHERE campaign = ? AND state = 'scheduled' AND next_at_ms <= ?
