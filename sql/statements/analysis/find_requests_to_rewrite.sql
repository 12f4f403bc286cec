-- Unclaimed requests whose input is no longer the current one: other messages, another prompt, or another model.
-- `kept_request_id` is a complete request about the messages that the session has now: they were there before, and are back.
SELECT
    requests.id AS request_id,
    requests.session_id,
    sessions.transcript_hash,
    kept.id AS kept_request_id
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
LEFT JOIN session_processing_status AS analysis
    ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
LEFT JOIN LATERAL (
    SELECT earlier.id
    FROM ai_processing_requests AS earlier
    WHERE
        earlier.session_id = sessions.id
        AND earlier.processing_type = requests.processing_type
        AND earlier.processing_status = 'PROCESSING_COMPLETE'
        AND earlier.transcript_hash = sessions.transcript_hash
        AND earlier.parsed_answer IS NOT NULL
        AND earlier.requested_at >= coalesce((analysis.metadata ->> 'reanalyseAfter')::timestamptz, '-infinity')
    -- Not by id alone: see find_sessions_to_request.
    ORDER BY earlier.requested_at DESC, earlier.id DESC
    LIMIT 1
) AS kept ON TRUE
WHERE
    requests.company_id = :company_id
    AND requests.id > :after_id
    AND requests.processing_type = 'session_analysis'
    AND requests.processing_status = 'PENDING_BATCHING'
    AND NOT sessions.stale
    AND (
        requests.transcript_hash IS DISTINCT FROM sessions.transcript_hash
        OR requests.prompt_version <> :prompt_version
        OR requests.model <> :model
    )
ORDER BY requests.id
LIMIT :chunk_size
FOR UPDATE OF sessions, requests SKIP LOCKED
