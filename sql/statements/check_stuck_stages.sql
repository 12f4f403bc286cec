-- Stages that began long ago and have not ended. One with a request in an open batch is not stuck: its batch is at work.
SELECT
    stage_row.import_id,
    stage_row.stage,
    stage_row.started_at
FROM session_processing_status AS stage_row
LEFT JOIN sessions ON sessions.import_id = stage_row.import_id
WHERE
    stage_row.status = 'IN_PROGRESS'
    AND stage_row.started_at < :started_before
    AND NOT EXISTS (
        SELECT 1
        FROM ai_processing_requests AS requests
        WHERE
            requests.session_id = sessions.id
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
ORDER BY stage_row.started_at
LIMIT 1000
