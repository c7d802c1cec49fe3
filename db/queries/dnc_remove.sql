DELETE FROM dnc_numbers WHERE number = ? AND list = ?
