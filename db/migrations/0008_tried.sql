-- The trunks of a list that a call has met congestion at, before the one in
-- trunk: "NAME:STATUS NAME:STATUS", 0 for no response.
ALTER TABLE cdrs ADD COLUMN tried TEXT;
