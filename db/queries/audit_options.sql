-- The options that the campaign was run with last.
SELECT options_json FROM campaign_audit
WHERE campaign = ? AND options_json IS NOT NULL
ORDER BY at_ms DESC, id DESC LIMIT 1
