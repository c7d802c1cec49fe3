-- How a call sounded: what the jitter buffer added and made up, how losses came
-- together, and the E-model's MOS, here and at the far side.
ALTER TABLE cdrs ADD COLUMN rx_delay_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN rx_concealed_ms BIGINT;
ALTER TABLE cdrs ADD COLUMN rx_burst DOUBLE PRECISION;
ALTER TABLE cdrs ADD COLUMN rx_mos DOUBLE PRECISION;
ALTER TABLE cdrs ADD COLUMN remote_mos DOUBLE PRECISION;
