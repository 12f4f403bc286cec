-- Requests in a state whose kept answer is usable to the present reader are complete. The ledger keeps the outcome of their
-- tries.
UPDATE ai_processing_requests AS requests
SET
    processing_status = 'PROCESSING_COMPLETE',
    error_code = NULL,
    error_message = NULL,
    -- One that waits is of no batch; the answer is.
    batch_id = coalesce(
        requests.batch_id,
        (
            SELECT attempts.batch_id
            FROM ai_request_attempts AS attempts
            WHERE
                attempts.request_id = requests.id
                AND attempts.outcome = ANY(:paid_outcomes)
            ORDER BY attempts.settled_at DESC, attempts.id DESC
            LIMIT 1
        )
    ),
    parsed_answer = accepted.answer,
    answer_flags = ARRAY(
        SELECT DISTINCT flags.flag
        FROM unnest(requests.answer_flags || accepted.flags) AS flags (flag)
        ORDER BY flags.flag
    ),
    completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
    updated_at = :now
FROM jsonb_to_recordset(CAST(:accepted AS jsonb)) AS accepted (id uuid, answer jsonb, flags text[])
WHERE requests.id = accepted.id AND requests.processing_status = :status
