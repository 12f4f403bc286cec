-- The next pending requests of a company that have a kept answer about the messages that they ask about, in id order.
SELECT requests.id
FROM ai_processing_requests AS requests
WHERE
    requests.processing_type = 'session_analysis'
    AND requests.processing_status = 'PENDING_BATCHING'
    AND requests.company_id = :company_id
    AND requests.raw_answer IS NOT NULL
    AND requests.id > :after_id
    AND EXISTS (
        SELECT 1
        FROM ai_request_attempts AS attempts
        WHERE
            attempts.request_id = requests.id
            AND attempts.outcome = ANY(:paid_outcomes)
            AND attempts.transcript_hash = requests.transcript_hash
    )
ORDER BY requests.id
LIMIT :chunk_size
