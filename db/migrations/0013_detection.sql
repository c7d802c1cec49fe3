-- What answered: a person, a machine, a fax, nobody; why it is thought so; and
-- which tones were heard.
ALTER TABLE cdrs ADD COLUMN detection TEXT;
ALTER TABLE cdrs ADD COLUMN detection_cause TEXT;
ALTER TABLE cdrs ADD COLUMN detection_confidence DOUBLE PRECISION;
ALTER TABLE cdrs ADD COLUMN detection_greeting_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN detection_words BIGINT;
ALTER TABLE cdrs ADD COLUMN detection_noise_db DOUBLE PRECISION;
ALTER TABLE cdrs ADD COLUMN detection_decided_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN detection_file TEXT;
ALTER TABLE cdrs ADD COLUMN tones TEXT;
