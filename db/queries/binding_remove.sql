DELETE FROM bindings WHERE id = ?
