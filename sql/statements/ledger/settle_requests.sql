-- Where each request goes from its outcome, as `base.rules.outcomes.settle` specifies.
WITH judged AS (
    SELECT
        requests.id,
        staged.outcome,
        staged.error_message,
        staged.openai_request_id,
        staged.raw_answer,
        staged.parsed_answer,
        coalesce(staged.answer_flags, '{}') AS answer_flags,
        staged.outcome = ANY(:released_outcomes) AS is_unfinished,
        staged.is_erased,
        staged.outcome <> 'not_run' AS counts_attempt,
        staged.outcome = 'not_run' AND staged.counted_release AS counts_release,
        CASE
            WHEN staged.outcome = 'parsed' THEN 'PROCESSING_COMPLETE'
            WHEN
                staged.outcome <> ALL(:released_outcomes) OR :fails_unfinished OR staged.is_erased
                THEN 'PROCESSING_FAILED'
            WHEN
                staged.outcome <> 'not_run'
                AND requests.attempts - requests.attempts_before_requeue + 1 >= :max_attempts
                THEN 'PROCESSING_FAILED'
            WHEN staged.outcome = 'missing' AND :missing_is_failure THEN 'PROCESSING_FAILED'
            WHEN
                staged.outcome = 'not_run' AND staged.counted_release
                AND requests.releases - requests.releases_before_requeue + 1 >= :max_releases
                THEN 'PROCESSING_FAILED'
            ELSE 'PENDING_BATCHING'
        END AS next_status
    FROM scratch_results AS staged
    JOIN ai_processing_requests AS requests ON requests.id = staged.request_id
    WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
)

UPDATE ai_processing_requests AS requests
SET
    processing_status = judged.next_status,
    batch_id = CASE WHEN judged.next_status = 'PENDING_BATCHING' THEN NULL ELSE requests.batch_id END,
    attempts = requests.attempts + judged.counts_attempt::integer,
    releases = requests.releases + judged.counts_release::integer,
    error_code = CASE
        WHEN judged.next_status = 'PROCESSING_COMPLETE' THEN NULL
        WHEN judged.is_unfinished AND judged.is_erased THEN 'erased'
        WHEN judged.is_unfinished AND :fails_unfinished THEN 'cancelled'
        ELSE judged.outcome
    END,
    error_message = CASE WHEN judged.next_status = 'PROCESSING_COMPLETE' THEN NULL ELSE judged.error_message END,
    openai_request_id = coalesce(judged.openai_request_id, requests.openai_request_id),
    raw_answer = coalesce(judged.raw_answer, requests.raw_answer),
    parsed_answer = coalesce(judged.parsed_answer, requests.parsed_answer),
    answer_flags = judged.answer_flags,
    completed_at = CASE
        WHEN judged.next_status = 'PENDING_BATCHING' THEN NULL
        ELSE greatest(CAST(:now AS timestamptz), requests.requested_at)
    END,
    updated_at = :now
FROM judged
WHERE requests.id = judged.id
