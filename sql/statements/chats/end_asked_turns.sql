-- What came of requests, written to their turns: those of a batch of the ledger, or those named. A turn that has an answer
-- keeps it; one that failed takes an answer that shows late.
UPDATE chat_interactions AS turns
SET
    outcome_code = CASE asked.processing_status WHEN 'PROCESSING_COMPLETE' THEN 'answered' ELSE asked.error_code END,
    error_message = CASE asked.processing_status WHEN 'PROCESSING_COMPLETE' THEN NULL ELSE asked.error_message END,
    answer = CASE
        WHEN asked.processing_status = 'PROCESSING_COMPLETE' THEN asked.parsed_answer ->> 'answer'
        WHEN asked.error_code = ANY(:paid_outcomes) THEN asked.raw_answer
    END,
    model = coalesce(asked.answering_model, asked.model),
    applied_overrides = batches.apply_overrides,
    input_tokens = asked.prompt_tokens,
    output_tokens = asked.completion_tokens,
    cost_usd = asked.total_cost_usd,
    usd_eur = asked.usd_eur,
    cost_eur = asked.total_cost_eur,
    completed_at = :now
FROM (
    SELECT
        requests.chat_interaction_id,
        requests.processing_status,
        coalesce(requests.error_code, 'failed') AS error_code,
        requests.error_message,
        requests.parsed_answer,
        requests.raw_answer,
        requests.model,
        tries.model AS answering_model,
        tries.prompt_tokens,
        tries.completion_tokens,
        tries.total_cost_usd,
        tries.usd_eur,
        tries.total_cost_eur
    FROM ai_processing_requests AS requests
    LEFT JOIN LATERAL (
        SELECT
            attempts.model,
            attempts.prompt_tokens,
            attempts.completion_tokens,
            attempts.total_cost_usd,
            attempts.usd_eur,
            attempts.total_cost_eur
        FROM ai_request_attempts AS attempts
        WHERE attempts.request_id = requests.id
        ORDER BY attempts.id DESC
        LIMIT 1
    ) AS tries ON TRUE
    WHERE
        requests.processing_type = 'chat_turn'
        AND requests.processing_status IN ('PROCESSING_COMPLETE', 'PROCESSING_FAILED')
        AND (
            requests.id = ANY(CAST(:request_ids AS uuid[]))
            OR requests.id IN (
                SELECT tried.request_id
                FROM ai_request_attempts AS tried
                WHERE tried.batch_id = CAST(:batch_id AS uuid)
            )
        )
) AS asked
CROSS JOIN chat_batches AS batches
CROSS JOIN chats
WHERE
    turns.id = asked.chat_interaction_id
    AND batches.id = turns.batch_id
    AND chats.id = turns.chat_id
    -- What shows late does not bring back what was deleted.
    AND chats.erased_at IS NULL
    AND batches.answers_deleted_at IS NULL
    AND (turns.outcome_code IS NULL OR (turns.outcome_code <> 'answered' AND asked.processing_status = 'PROCESSING_COMPLETE'))
RETURNING
    turns.batch_id,
    turns.cost_usd,
    turns.cost_eur,
    turns.outcome_code = ANY(:paid_outcomes) OR turns.outcome_code = 'answered' AS is_paid
