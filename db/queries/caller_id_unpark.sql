UPDATE caller_ids SET parked_until_ms = ? WHERE number = ? AND parked_until_ms > ?
