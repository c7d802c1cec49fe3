-- How many leads of a campaign are newer than an id: found by their ids, not by
-- the campaign, which may have a million.
SELECT COUNT(*) AS leads FROM leads WHERE id > ? AND campaign || '' = ?
