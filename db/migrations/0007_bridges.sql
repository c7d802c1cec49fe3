-- Whom a call was bridged with, since when (first) and how long (in all), and
-- the agent who talked to it.
ALTER TABLE cdrs ADD COLUMN bridged_to TEXT;
ALTER TABLE cdrs ADD COLUMN bridged_at_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN bridged_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN agent TEXT;
