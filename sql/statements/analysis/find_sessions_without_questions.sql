-- Sessions whose analysis is over and whose questions nobody has looked for, in id order, locked against derivation.
-- `kept_request_id` is the complete request whose answer holds them: the newest about the messages that the session has, else
-- (taken over from a system that did not record them) the newest.
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    analysis.status AS analysis_status,
    analysis.error_message AS analysis_reason,
    kept.id AS kept_request_id
FROM sessions
JOIN session_processing_status AS analysis
    ON
        analysis.import_id = sessions.import_id
        AND analysis.stage = 'AI_ANALYSIS'
        AND analysis.status IN ('COMPLETED', 'SKIPPED')
LEFT JOIN session_processing_status AS extraction
    ON extraction.import_id = sessions.import_id AND extraction.stage = 'QUESTION_EXTRACTION'
LEFT JOIN LATERAL (
    SELECT requests.id
    FROM ai_processing_requests AS requests
    WHERE
        requests.session_id = sessions.id
        AND requests.processing_type = 'session_analysis'
        AND requests.processing_status = 'PROCESSING_COMPLETE'
        AND jsonb_typeof(requests.parsed_answer -> 'questions') = 'array'
        AND analysis.status = 'COMPLETED'
    ORDER BY
        coalesce(requests.transcript_hash = sessions.transcript_hash, FALSE) DESC,
        requests.requested_at DESC,
        requests.id DESC
    LIMIT 1
) AS kept ON TRUE
WHERE
    sessions.company_id = :company_id
    AND sessions.id > :after_id
    AND coalesce(extraction.status, 'PENDING') = 'PENDING'
ORDER BY sessions.id
LIMIT :chunk_size
FOR UPDATE OF sessions SKIP LOCKED
