-- Fails pending requests, each for its own reason, before anything is bought for them, and the analysis of their sessions with
-- them. A stage that is over, such as that of a session erased on request, stays.
WITH given AS (
    SELECT
        each.id,
        each.reason
    FROM unnest(CAST(:request_ids AS uuid[]), CAST(:reasons AS text[])) AS each (id, reason)
),

failed AS (
    UPDATE ai_processing_requests AS requests
    SET
        processing_status = 'PROCESSING_FAILED',
        error_code = :error_code,
        error_message = given.reason,
        completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
        updated_at = :now
    FROM given
    WHERE requests.id = given.id AND requests.processing_status = 'PENDING_BATCHING'
    RETURNING requests.session_id, given.reason
)

INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at
)
SELECT
    sessions.import_id,
    'AI_ANALYSIS',
    'FAILED',
    CAST(:error_code AS text) || ': ' || failed.reason,
    1,
    :now,
    :now
FROM failed
JOIN sessions ON sessions.id = failed.session_id
ORDER BY sessions.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'FAILED',
        error_message = excluded.error_message,
        retry_count = stage_row.retry_count + 1,
        started_at = coalesce(stage_row.started_at, excluded.started_at),
        completed_at = greatest(excluded.completed_at, stage_row.started_at)
    WHERE stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED')
