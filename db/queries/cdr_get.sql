SELECT * FROM cdrs WHERE id = ?
