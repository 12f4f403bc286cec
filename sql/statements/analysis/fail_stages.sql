-- The analysis of sessions whose requests failed before anything was bought for them. A stage that is over, such as that of a
-- session erased on request, stays.
INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at
)
SELECT
    sessions.import_id,
    'AI_ANALYSIS',
    'FAILED',
    requests.error_code || ': ' || requests.error_message,
    1,
    :now,
    :now
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE requests.id = ANY(CAST(:request_ids AS uuid[]))
ORDER BY sessions.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'FAILED',
        error_message = excluded.error_message,
        retry_count = stage_row.retry_count + 1,
        started_at = coalesce(stage_row.started_at, excluded.started_at),
        completed_at = greatest(excluded.completed_at, stage_row.started_at)
    WHERE stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED')
