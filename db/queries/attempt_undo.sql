-- No INVITE has left after all (a limit, a drain, a reload): the attempt did
-- not happen. In one transaction before lead_undial.
DELETE FROM attempts WHERE lead_id = ? AND attempt = ? AND ended_at_ms IS NULL
