-- Leads that may still be dialled or are being dialled: 0 when it is done.
SELECT COUNT(*) AS leads FROM leads
WHERE campaign = ? AND state IN ('ready', 'scheduled', 'claimed', 'dialing')
