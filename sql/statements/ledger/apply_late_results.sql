-- What was paid for and shows late: it settles its request where that still waits or has failed, asks about the same input and
-- is its subject's newest. What has gone out again goes on, what was answered meanwhile stays so; there the answer is only kept.
-- An answer whose cost is not the ledger's changes nothing: another one was stored for it before.
WITH judged AS (
    SELECT
        requests.id,
        staged.outcome,
        staged.error_message,
        staged.openai_request_id,
        staged.raw_answer,
        staged.parsed_answer,
        coalesce(staged.answer_flags, '{}') AS answer_flags,
        coalesce(attempts.error_code = 'unreadable_line', false) AS was_unreadable,
        requests.processing_status IN ('PENDING_BATCHING', 'PROCESSING_FAILED')
        AND NOT staged.is_erased
        -- Tries of before the hash was kept count where their request was not touched since.
        AND coalesce(
            attempts.transcript_hash = requests.transcript_hash, requests.updated_at <= attempts.settled_at
        )
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS other
            WHERE
                other.subject_id = requests.subject_id
                AND other.processing_type = requests.processing_type
                -- Not by id alone: see requeue_requests.
                AND (other.requested_at, other.id) > (requests.requested_at, requests.id)
        ) AS applies
    FROM scratch_results AS staged
    JOIN ai_processing_requests AS requests ON requests.id = staged.request_id
    JOIN ai_request_attempts AS attempts
        ON attempts.request_id = requests.id AND attempts.batch_id = :batch_id AND NOT attempts.is_late
    JOIN ai_request_attempts AS late
        ON
            late.request_id = requests.id AND late.batch_id = :batch_id AND late.is_late
            AND late.openai_request_id IS NOT DISTINCT FROM staged.openai_request_id
            AND late.prompt_tokens IS NOT DISTINCT FROM staged.prompt_tokens
            AND late.completion_tokens IS NOT DISTINCT FROM staged.completion_tokens
            AND late.total_tokens IS NOT DISTINCT FROM staged.total_tokens
    WHERE staged.outcome = ANY(:paid_outcomes)
),

applied AS (
    UPDATE ai_processing_requests AS requests
    SET
        processing_status = CASE judged.outcome WHEN 'parsed' THEN 'PROCESSING_COMPLETE' ELSE 'PROCESSING_FAILED' END,
        batch_id = :batch_id,
        error_code = CASE WHEN judged.outcome <> 'parsed' THEN judged.outcome END,
        error_message = CASE WHEN judged.outcome <> 'parsed' THEN judged.error_message END,
        openai_request_id = coalesce(judged.openai_request_id, requests.openai_request_id),
        raw_answer = coalesce(judged.raw_answer, requests.raw_answer),
        parsed_answer = coalesce(judged.parsed_answer, requests.parsed_answer),
        answer_flags = judged.answer_flags,
        completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
        updated_at = :now
    FROM judged
    WHERE
        requests.id = judged.id
        AND judged.applies
        AND requests.processing_status IN ('PENDING_BATCHING', 'PROCESSING_FAILED')
    RETURNING requests.id, requests.processing_status
),

kept AS (
    UPDATE ai_processing_requests AS requests
    SET raw_answer = coalesce(judged.raw_answer, judged.parsed_answer::text)
    FROM judged
    WHERE
        requests.id = judged.id
        AND NOT judged.applies
        -- A good answer takes the place of the line that could not be read.
        AND (requests.raw_answer IS null OR (judged.was_unreadable AND judged.outcome = 'parsed'))
        -- Not once more what this batch has answered.
        AND (requests.processing_status <> 'PROCESSING_COMPLETE' OR requests.batch_id IS DISTINCT FROM :batch_id)
)

SELECT
    applied.id,
    applied.processing_status
FROM applied
ORDER BY applied.id
