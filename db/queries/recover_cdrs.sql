-- Calls that were open when the engine died.
UPDATE cdrs SET disposition = 'interrupted', hangup_by = 'engine',
	hangup_cause = 'engine_died'
WHERE disposition = 'in_progress'
