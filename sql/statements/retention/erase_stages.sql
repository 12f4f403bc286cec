-- What was completed stays; whatever else a session waited for, was at, or had failed with is over. Messages and metadata of all
-- stages go: they name addresses, and may quote what was read.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, error_message, started_at, completed_at)
SELECT
    scratch_erased_sessions.import_id,
    processing_stages.name,
    'SKIPPED',
    :reason,
    :now,
    :now
FROM scratch_erased_sessions
CROSS JOIN processing_stages
ORDER BY scratch_erased_sessions.import_id, processing_stages.position
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = CASE
            WHEN stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED') THEN excluded.status ELSE stage_row.status
        END,
        error_message = CASE WHEN stage_row.status <> 'COMPLETED' THEN excluded.error_message END,
        started_at = CASE
            WHEN stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED') THEN excluded.started_at
            ELSE stage_row.started_at
        END,
        completed_at = CASE
            WHEN stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED') THEN excluded.completed_at
            ELSE stage_row.completed_at
        END,
        metadata = '{}'
