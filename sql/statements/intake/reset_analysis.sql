-- New messages are a new input: an analysis that is over, however it ended, waits to be done again, and so do its
-- questions.
-- A new try starts from nothing, so what the old one left in its row goes. Messages that another system had read in the same
-- transcript are no older input: its analysis was about what our grammar reads there (`readsAs`, or `saysAs` without times, which
-- follow from the company's zone).
UPDATE session_processing_status AS stage_row
SET
    status = 'PENDING',
    error_message = NULL,
    retry_count = 0,
    started_at = NULL,
    completed_at = NULL,
    metadata = '{}'
FROM unnest(CAST(:import_ids AS uuid[]), CAST(:words_hashes AS text[])) AS given (import_id, words_hash)
JOIN session_processing_status AS analysis ON analysis.import_id = given.import_id
LEFT JOIN sessions ON sessions.import_id = analysis.import_id
WHERE
    analysis.stage = 'AI_ANALYSIS'
    AND analysis.status IN ('COMPLETED', 'FAILED', 'SKIPPED')
    AND (analysis.metadata ->> 'readsAs') IS DISTINCT FROM sessions.transcript_hash
    AND (analysis.metadata ->> 'saysAs') IS DISTINCT FROM given.words_hash
    AND stage_row.import_id = analysis.import_id
    AND stage_row.stage IN ('AI_ANALYSIS', 'QUESTION_EXTRACTION')
RETURNING stage_row.stage
