-- Imports whose row names no transcript: their sessions are made from the row alone.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, error_message, started_at, completed_at)
SELECT
    imports.import_id,
    'TRANSCRIPT_FETCH',
    'SKIPPED',
    :reason,
    :now,
    :now
FROM unnest(CAST(:import_ids AS uuid[])) AS imports (import_id)
ORDER BY imports.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at
    WHERE stage_row.status IN ('PENDING', 'FAILED')
