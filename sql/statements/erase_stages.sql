-- What was completed stays; whatever else a session waited for, was at, or had failed with is over.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, error_message, started_at, completed_at)
SELECT
    erased_sessions.import_id,
    processing_stages.name,
    'SKIPPED',
    :reason,
    :now,
    :now
FROM erased_sessions
CROSS JOIN processing_stages
ORDER BY erased_sessions.import_id, processing_stages.position
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at
    WHERE stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED')
