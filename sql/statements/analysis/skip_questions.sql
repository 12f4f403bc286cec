-- Sessions whose questions can be had from nowhere, each with its reason; nothing is bought for them.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, error_message, started_at, completed_at)
SELECT
    skipped.import_id,
    'QUESTION_EXTRACTION',
    'SKIPPED',
    skipped.reason,
    :now,
    :now
FROM unnest(CAST(:import_ids AS uuid[]), CAST(:reasons AS text[])) AS skipped (import_id, reason)
ORDER BY skipped.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'SKIPPED',
        error_message = excluded.error_message,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at
    WHERE stage_row.status = 'PENDING'
