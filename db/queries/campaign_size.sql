SELECT COUNT(*) AS leads FROM leads WHERE campaign = ?
