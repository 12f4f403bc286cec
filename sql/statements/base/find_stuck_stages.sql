-- What "stuck" means, for everybody who asks: stages that began long ago and have not ended, of companies of every status, oldest
-- first, and how many there are in all. One whose session has an open request is not stuck: its batch is at work.
SELECT
    stage_row.import_id,
    stage_row.stage,
    stage_row.started_at,
    count(*) OVER () AS total
FROM session_processing_status AS stage_row
JOIN session_imports AS imports ON imports.id = stage_row.import_id
LEFT JOIN sessions ON sessions.import_id = stage_row.import_id
WHERE
    stage_row.status = 'IN_PROGRESS'
    AND stage_row.started_at < :started_before
    AND (CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id)
    AND NOT EXISTS (
        SELECT 1
        FROM ai_processing_requests AS requests
        WHERE
            requests.subject_id = sessions.id
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
ORDER BY stage_row.started_at, stage_row.import_id, stage_row.stage
LIMIT :most
