-- A call was answered: after a crash its record still says when.
UPDATE cdrs SET ring_at_ms = ?, answered_at_ms = ?, codec = ? WHERE id = ?
