-- Answered calls of a campaign, of those begun after one time and up to another.
SELECT COUNT(answered_at_ms) AS answered FROM cdrs
WHERE campaign = ? AND started_at_ms > ? AND started_at_ms <= ?
