-- The analysis of sessions whose requests were claimed for a batch.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, started_at)
SELECT
    sessions.import_id,
    'AI_ANALYSIS',
    'IN_PROGRESS',
    :now
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
ON CONFLICT (import_id, stage) DO UPDATE
    SET status = 'IN_PROGRESS', started_at = :now, completed_at = NULL, error_message = NULL
    WHERE stage_row.status IN ('PENDING', 'FAILED')
