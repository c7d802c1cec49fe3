UPDATE campaigns SET state = 'paused' WHERE name = ?
