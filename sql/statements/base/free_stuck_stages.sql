-- Stages that find_stuck_stages found wait again, or fail once they have been freed too often. One that has ended or begun anew
-- since then has another status or another start.
WITH stuck AS (
    SELECT
        stage_row.import_id,
        stage_row.stage,
        stage_row.status
    FROM session_processing_status AS stage_row
    JOIN
        unnest(CAST(:import_ids AS uuid[]), CAST(:stages AS text[]), CAST(:starts AS timestamptz[]))
            AS found (import_id, stage, started_at)
        ON found.import_id = stage_row.import_id AND found.stage = stage_row.stage
    WHERE stage_row.status = 'IN_PROGRESS' AND stage_row.started_at = found.started_at
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
