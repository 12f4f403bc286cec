-- Failed requests wait again, with both allowances restarted: only the newest of a session, only when none is open and the
-- session's analysis is not complete, stands behind no stage that failed, and its texts are there. The rest is counted, not
-- changed. The status that is expected comes from the rows above and is no constant: after an outage the planner believes for a
-- while that none has failed, and reads them all once per row.
WITH asked AS (
    SELECT DISTINCT given.id
    FROM unnest(CAST(:request_ids AS uuid[])) AS given (id)
),

found AS (
    SELECT
        requests.id,
        requests.session_id,
        requests.processing_type,
        requests.processing_status,
        requests.requested_at
    FROM ai_processing_requests AS requests
    JOIN asked ON asked.id = requests.id
    WHERE CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id
    ORDER BY requests.id
    FOR UPDATE OF requests
),

eligible AS (
    SELECT
        found.id,
        found.processing_status,
        sessions.import_id,
        CASE WHEN analysis.status = 'FAILED' THEN analysis.status END AS failed_analysis
    FROM found
    JOIN sessions ON sessions.id = found.session_id
    JOIN session_imports AS imports ON imports.id = sessions.import_id
    LEFT JOIN session_processing_status AS analysis
        ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
    WHERE
        found.processing_status = 'PROCESSING_FAILED'
        AND coalesce(analysis.status, 'PENDING') <> 'COMPLETED'
        -- It would fail again before it is bought: see find_requests_without_texts.
        AND imports.erased_at IS NULL
        AND coalesce(
            (
                SELECT messages.content IS NOT NULL
                FROM messages
                WHERE messages.session_id = found.session_id
                ORDER BY messages.position
                LIMIT 1
            ), TRUE
        )
        -- Its messages may be older than the chat: see withdraw_requests.
        AND NOT EXISTS (
            SELECT 1
            FROM session_processing_status AS before
            JOIN processing_stages AS earlier ON earlier.name = before.stage
            JOIN processing_stages AS own ON own.name = 'AI_ANALYSIS' AND own.position > earlier.position
            WHERE before.import_id = sessions.import_id AND before.status = 'FAILED'
        )
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS other
            WHERE
                other.session_id = found.session_id
                AND other.processing_type = found.processing_type
                AND (
                    -- Not by id alone: see find_sessions_to_request.
                    (other.requested_at, other.id) > (found.requested_at, found.id)
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
    WHERE requests.id = eligible.id AND requests.processing_status = eligible.processing_status AND NOT :dry_run
    RETURNING eligible.import_id, eligible.failed_analysis
),

waiting AS (
    UPDATE session_processing_status AS stage_row
    SET status = 'PENDING', error_message = NULL, started_at = NULL, completed_at = NULL
    FROM requeued
    WHERE
        stage_row.import_id = requeued.import_id
        AND stage_row.stage = 'AI_ANALYSIS'
        AND stage_row.status = requeued.failed_analysis
)

SELECT
    (SELECT count(*) FROM asked) AS asked,
    (SELECT count(*) FROM found) AS found,
    (SELECT count(*) FROM eligible) AS requeued
