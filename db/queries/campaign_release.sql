-- A run begins: what an earlier run of this engine had claimed and not dialled.
UPDATE leads SET state = 'ready', updated_at_ms = ?
WHERE campaign = ? AND state = 'claimed'
