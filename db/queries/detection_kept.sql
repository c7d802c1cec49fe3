-- Recordings of what answered, and what agents have said that it was; '' for
-- the campaign: all.
SELECT detection_file, agent, disposition FROM cdrs
WHERE detection_file IS NOT NULL AND (? = '' OR campaign = ?)
ORDER BY started_at_ms, id
