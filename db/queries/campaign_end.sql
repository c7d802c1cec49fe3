-- state: 'done' (no lead left to dial) or 'stopped' (the engine stops).
UPDATE campaigns SET state = ?, ended_at_ms = ? WHERE name = ?
