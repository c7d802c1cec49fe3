-- 1 while there are leads that may still be dialled or are being dialled, else
-- 0: then it is done.
SELECT COUNT(*) AS leads FROM (
	SELECT 1 FROM leads
	WHERE campaign = ? AND state IN ('new', 'ready', 'scheduled', 'claimed',
		'ringing', 'talking')
	LIMIT 1) AS open_leads
