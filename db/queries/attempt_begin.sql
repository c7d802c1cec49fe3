-- Its INVITE may leave when this is committed, not before. Fails the
-- transaction when this attempt has been begun already.
INSERT INTO attempts (lead_id, attempt, campaign, started_at_ms, phone)
SELECT id, attempts, campaign, ?, ? FROM leads
WHERE id = ? AND state = 'ringing'
