-- Sessions of a company that wait for their analysis and have no open request, in id order, locked against derivation.
-- `kept_request_id` is the newest complete request about the very same messages: its answer is applied again, not bought.
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
        AND NOT coalesce((analysis.metadata ->> 'reanalyse')::boolean, FALSE)
    ORDER BY requests.id DESC
    LIMIT 1
) AS kept ON TRUE
WHERE
    sessions.company_id = :company_id
    AND sessions.id > :after_id
    AND NOT sessions.stale
    AND coalesce(analysis.status, 'PENDING') = 'PENDING'
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
