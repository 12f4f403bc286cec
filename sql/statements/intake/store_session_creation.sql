-- The stage of sessions that were made, or whose transcript was refused (FAILED, with the line). A stage that was
-- COMPLETED passes through PENDING within this statement: its row or its transcript changed.
INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at, metadata
)
SELECT
    staged.import_id,
    'SESSION_CREATION',
    CASE WHEN staged.error_message IS NULL THEN 'COMPLETED' ELSE 'FAILED' END,
    staged.error_message,
    CASE WHEN staged.error_message IS NULL THEN 0 ELSE 1 END,
    :now,
    :now,
    staged.stage_metadata
FROM scratch_sessions AS staged
ORDER BY staged.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        retry_count = stage_row.retry_count + excluded.retry_count,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at,
        metadata = excluded.metadata
