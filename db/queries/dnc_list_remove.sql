DELETE FROM dnc_lists WHERE name = ? RETURNING path
