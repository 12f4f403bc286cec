-- Failed requests wait again, with both allowances restarted: only the newest of a session, only when none is open and the
-- session's analysis is not complete. The rest is counted, not changed.
WITH asked AS (
    SELECT DISTINCT given.id
    FROM unnest(CAST(:request_ids AS uuid[])) AS given (id)
),

found AS (
    SELECT
        requests.id,
        requests.session_id
    FROM ai_processing_requests AS requests
    JOIN asked ON asked.id = requests.id
    WHERE CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id
    ORDER BY requests.id
    FOR UPDATE OF requests
),

eligible AS (
    SELECT
        requests.id,
        sessions.import_id
    FROM found
    JOIN ai_processing_requests AS requests ON requests.id = found.id
    JOIN sessions ON sessions.id = requests.session_id
    LEFT JOIN session_processing_status AS analysis
        ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
    WHERE
        requests.processing_status = 'PROCESSING_FAILED'
        AND coalesce(analysis.status, 'PENDING') <> 'COMPLETED'
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS other
            WHERE
                other.session_id = requests.session_id
                AND other.processing_type = requests.processing_type
                AND (
                    other.id > requests.id
                    OR other.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
                )
        )
),

requeued AS (
    UPDATE ai_processing_requests AS requests
    SET
        processing_status = 'PENDING_BATCHING',
        batch_id = NULL,
        attempts_before_requeue = requests.attempts,
        releases_before_requeue = requests.releases,
        error_code = NULL,
        error_message = NULL,
        completed_at = NULL,
        updated_at = :now
    FROM eligible
    WHERE requests.id = eligible.id AND requests.processing_status = 'PROCESSING_FAILED' AND NOT :dry_run
    RETURNING eligible.import_id
),

waiting AS (
    UPDATE session_processing_status AS stage_row
    SET status = 'PENDING', error_message = NULL, started_at = NULL, completed_at = NULL
    FROM requeued
    WHERE stage_row.import_id = requeued.import_id AND stage_row.stage = 'AI_ANALYSIS' AND stage_row.status = 'FAILED'
)

SELECT
    (SELECT count(*) FROM asked) AS asked,
    (SELECT count(*) FROM found) AS found,
    (SELECT count(*) FROM eligible) AS requeued
