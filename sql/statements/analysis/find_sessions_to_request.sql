-- Sessions of a company that wait for their analysis and have no open request, in id order, locked against derivation. The stages
-- before it are over: what was derived of an older transcript than the present one is not asked about.
-- `kept_request_id` is the newest complete request about the very same messages: its answer is applied again, not bought, unless
-- somebody asked for another one since (`reanalyseAfter`).
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.transcript_hash,
    kept.id AS kept_request_id
FROM sessions
JOIN session_processing_status AS creation
    ON
        creation.import_id = sessions.import_id
        AND creation.stage = 'SESSION_CREATION'
        AND creation.status = 'COMPLETED'
JOIN session_processing_status AS fetching
    ON
        fetching.import_id = sessions.import_id
        AND fetching.stage = 'TRANSCRIPT_FETCH'
        AND fetching.status IN ('COMPLETED', 'SKIPPED')
LEFT JOIN session_processing_status AS analysis
    ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
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
    AND NOT EXISTS (
        SELECT 1
        FROM ai_processing_requests AS requests
        WHERE
            requests.session_id = sessions.id
            AND requests.processing_type = 'session_analysis'
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
ORDER BY sessions.id
LIMIT :chunk_size
FOR UPDATE OF sessions SKIP LOCKED
