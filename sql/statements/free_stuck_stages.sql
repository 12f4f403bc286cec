-- Stages that began long ago and have not ended wait again, or fail once they have been freed too often. What
-- check_stuck_stages finds is what is freed: one whose session has an open request is not stuck, its batch is at work.
WITH stuck AS (
    SELECT
        stage_row.import_id,
        stage_row.stage,
        stage_row.status
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
                requests.session_id = sessions.id
                AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
        )
    ORDER BY stage_row.import_id, stage_row.stage
    FOR UPDATE OF stage_row SKIP LOCKED
)

UPDATE session_processing_status AS stage_row
SET
    status = CASE WHEN stage_row.retry_count + 1 > :max_retries THEN 'FAILED' ELSE 'PENDING' END,
    retry_count = stage_row.retry_count + 1,
    error_message = CASE WHEN stage_row.retry_count + 1 > :max_retries THEN :reason END,
    started_at = CASE WHEN stage_row.retry_count + 1 > :max_retries THEN stage_row.started_at END,
    completed_at = CASE WHEN stage_row.retry_count + 1 > :max_retries THEN CAST(:now AS timestamptz) END
FROM stuck
WHERE
    stage_row.import_id = stuck.import_id
    AND stage_row.stage = stuck.stage
    AND stage_row.status = stuck.status
RETURNING stage_row.stage, stage_row.status
