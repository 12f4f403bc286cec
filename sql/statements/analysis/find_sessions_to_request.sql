-- Sessions of a company that wait for their analysis and have no open request, in id order, locked against derivation. The stages
-- before it are over: what was derived of an older transcript than the present one is not asked about.
-- `kept_request_id` is the newest complete request about the very same messages: its answer is applied again, not bought, unless
-- somebody asked for another one since (`reanalyseAfter`). LATERAL with LIMIT keeps the plan at look-ups for the next sessions of
-- the company, whatever the planner believes about tables that have just grown.
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.transcript_hash,
    kept.id AS kept_request_id
FROM sessions
LEFT JOIN LATERAL (
    SELECT
        stage_row.status,
        stage_row.metadata
    FROM session_processing_status AS stage_row
    WHERE stage_row.import_id = sessions.import_id AND stage_row.stage = 'AI_ANALYSIS'
    LIMIT 1
) AS analysis ON TRUE
CROSS JOIN
    LATERAL (
        SELECT stage_row.status
        FROM session_processing_status AS stage_row
        WHERE
            stage_row.import_id = sessions.import_id
            AND stage_row.stage = 'SESSION_CREATION'
            AND stage_row.status = 'COMPLETED'
        LIMIT 1
    ) AS creation
CROSS JOIN
    LATERAL (
        SELECT stage_row.status
        FROM session_processing_status AS stage_row
        WHERE
            stage_row.import_id = sessions.import_id
            AND stage_row.stage = 'TRANSCRIPT_FETCH'
            AND stage_row.status IN ('COMPLETED', 'SKIPPED')
        LIMIT 1
    ) AS fetching
-- By `subject_id`, which the unique index of open requests begins with.
LEFT JOIN LATERAL (
    SELECT requests.id
    FROM ai_processing_requests AS requests
    WHERE
        requests.subject_id = sessions.id
        AND requests.processing_type = 'session_analysis'
        AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    LIMIT 1
) AS asked ON TRUE
LEFT JOIN LATERAL (
    SELECT requests.id
    FROM ai_processing_requests AS requests
    WHERE
        requests.session_id = sessions.id
        AND requests.processing_type = 'session_analysis'
        AND requests.processing_status = 'PROCESSING_COMPLETE'
        AND requests.transcript_hash = sessions.transcript_hash
        AND requests.parsed_answer IS NOT NULL
        AND requests.requested_at >= coalesce((analysis.metadata ->> 'reanalyseAfter')::timestamptz, '-infinity')
    -- Requests of a system that was taken over keep their ids, which do not grow with time.
    ORDER BY requests.requested_at DESC, requests.id DESC
    LIMIT 1
) AS kept ON TRUE
WHERE
    sessions.company_id = :company_id
    AND sessions.id > :after_id
    AND NOT sessions.stale
    AND coalesce(analysis.status, 'PENDING') = 'PENDING'
    -- Stages that were added before the analysis have to be over, too. Without any the planner drops the condition.
    AND (
        NOT CAST(:stages_added AS boolean)
        OR NOT EXISTS (
            SELECT 1
            FROM processing_stages AS own
            JOIN processing_stages AS earlier ON earlier.position < own.position
            LEFT JOIN session_processing_status AS before
                ON before.import_id = sessions.import_id AND before.stage = earlier.name
            WHERE
                own.name = 'AI_ANALYSIS'
                AND coalesce(before.status, 'PENDING') NOT IN ('COMPLETED', 'SKIPPED')
        )
    )
    AND asked.id IS NULL
ORDER BY sessions.id
LIMIT :chunk_size
FOR UPDATE OF sessions SKIP LOCKED
