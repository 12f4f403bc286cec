-- Transcripts that are tried again are due at once, and their tries count from none.
UPDATE transcripts
SET attempts = 0, next_attempt_at = CAST(:now AS timestamptz), updated_at = CAST(:now AS timestamptz)
FROM scratch_eligible_retries AS eligible
WHERE transcripts.import_id = eligible.import_id
