-- One row for each call. Inserted when the call begins (disposition
-- 'in_progress'), completed once when the call and its script have ended.
CREATE TABLE cdrs (
	id TEXT NOT NULL PRIMARY KEY,
	direction TEXT NOT NULL,
	account TEXT,
	trunk TEXT,
	call_id TEXT,
	from_uri TEXT,
	from_user TEXT,
	display_name TEXT,
	to_uri TEXT,
	to_user TEXT,
	remote_addr TEXT,
	started_at_ms BIGINT NOT NULL,
	ring_at_ms BIGINT,
	answered_at_ms BIGINT,
	ended_at_ms BIGINT,
	duration_ms BIGINT,
	talk_ms BIGINT,
	disposition TEXT NOT NULL,
	sip_code BIGINT,
	reason TEXT,
	q850 BIGINT,
	hangup_by TEXT,
	hangup_cause TEXT,
	hangup_line TEXT,
	codec TEXT,
	digits TEXT,
	rx_packets BIGINT,
	rx_lost BIGINT,
	rx_duplicate BIGINT,
	rx_late BIGINT,
	rx_reordered BIGINT,
	rx_rejected BIGINT,
	rx_jitter_ms DOUBLE PRECISION,
	tx_packets BIGINT,
	remote_lost BIGINT,
	remote_jitter_ms DOUBLE PRECISION,
	rtt_ms DOUBLE PRECISION,
	recording TEXT,
	script TEXT,
	script_error TEXT,
	traceback TEXT,
	user_json TEXT,
	campaign TEXT,
	lead_id TEXT,
	attempt BIGINT
);

CREATE INDEX cdrs_started ON cdrs (started_at_ms);
CREATE INDEX cdrs_disposition ON cdrs (disposition, started_at_ms);
CREATE INDEX cdrs_from ON cdrs (from_user, started_at_ms);
CREATE INDEX cdrs_to ON cdrs (to_user, started_at_ms);
CREATE INDEX cdrs_campaign ON cdrs (campaign, started_at_ms)
	WHERE campaign IS NOT NULL;
