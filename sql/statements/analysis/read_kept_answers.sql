-- Raw answers of requests in a state. `is_current` is what a settlement asks for, and that nobody has gone on meanwhile: the same
-- messages, no newer request and no other that is open, an analysis that is neither complete nor skipped, and that nobody wants
-- anew.
SELECT
    requests.id,
    requests.session_id,
    CASE WHEN imports.erased_at IS NULL THEN requests.raw_answer END AS raw_answer,
    (
        requests.transcript_hash IS NOT DISTINCT FROM sessions.transcript_hash
        AND coalesce(analysis.status, 'PENDING') NOT IN ('COMPLETED', 'SKIPPED')
        AND requests.requested_at >= coalesce((analysis.metadata ->> 'reanalyseAfter')::timestamptz, '-infinity')
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS other
            WHERE
                other.session_id = requests.session_id
                AND other.id <> requests.id
                AND other.processing_type = requests.processing_type
                AND (
                    -- Not by id alone: see find_sessions_to_request.
                    (other.requested_at, other.id) > (requests.requested_at, requests.id)
                    OR other.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
                )
        )
        -- The text may be an answer about the messages of before.
        AND NOT EXISTS (
            SELECT 1
            FROM ai_request_attempts AS attempts
            WHERE
                attempts.request_id = requests.id
                AND attempts.outcome = ANY(:paid_outcomes)
                AND attempts.transcript_hash <> requests.transcript_hash
        )
    ) AS is_current
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
JOIN session_imports AS imports ON imports.id = sessions.import_id
LEFT JOIN session_processing_status AS analysis
    ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
WHERE
    requests.id = ANY(CAST(:request_ids AS uuid[]))
    AND requests.processing_status = :status
ORDER BY requests.id
