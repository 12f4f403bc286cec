-- The request history: rows that are not here yet, each with the one try that the old system made of it. No batch of ours is
-- behind these tries. Returns how many came, and their cost as it was given and as it is stored.
WITH added AS (
    INSERT INTO ai_processing_requests (
        id, session_id, company_id, processing_type, model, processing_status, prompt_version, transcript_hash,
        input_hash, body_bytes, token_estimate, max_output_tokens, attempts, error_code, error_message,
        openai_request_id, parsed_answer, legacy_id, requested_at, completed_at, updated_at
    )
    SELECT
        moved.request_id,
        targets.session_id,
        :company_id,
        moved.processing_type,
        moved.model,
        moved.processing_status,
        moved.prompt_version,
        moved.transcript_hash,
        moved.input_hash,
        0,
        0,
        0,
        1,
        moved.error_code,
        moved.error_message,
        moved.openai_request_id,
        moved.parsed_answer,
        moved.legacy_id,
        moved.requested_at,
        moved.completed_at,
        moved.completed_at
    FROM scratch_requests AS moved
    JOIN scratch_targets AS targets ON targets.chat = moved.chat AND targets.session_id IS NOT NULL
    ORDER BY moved.requested_at, moved.source_id
    ON CONFLICT DO NOTHING
    RETURNING id
),

tried AS (
    INSERT INTO ai_request_attempts (
        id, request_id, legacy_id, created_at, settled_at, outcome, error_code, error_message, openai_request_id,
        model, service_tier, system_fingerprint, prompt_tokens, completion_tokens, total_tokens, cached_tokens,
        audio_tokens_prompt, reasoning_tokens, audio_tokens_completion, accepted_prediction_tokens,
        rejected_prediction_tokens, prompt_cost_usd, completion_cost_usd, total_cost_usd, total_cost_eur
    )
    SELECT
        moved.attempt_id,
        moved.request_id,
        moved.source_id,
        moved.requested_at,
        moved.completed_at,
        moved.outcome,
        moved.error_code,
        moved.error_message,
        moved.openai_request_id,
        moved.model,
        moved.service_tier,
        moved.system_fingerprint,
        moved.prompt_tokens,
        moved.completion_tokens,
        moved.total_tokens,
        moved.cached_tokens,
        moved.audio_tokens_prompt,
        moved.reasoning_tokens,
        moved.audio_tokens_completion,
        moved.accepted_prediction_tokens,
        moved.rejected_prediction_tokens,
        moved.prompt_cost_usd,
        moved.completion_cost_usd,
        moved.total_cost_usd,
        moved.total_cost_eur
    FROM scratch_requests AS moved
    JOIN added ON added.id = moved.request_id
    ON CONFLICT DO NOTHING
    RETURNING request_id, total_cost_eur
)

SELECT
    count(*) AS requests,
    coalesce(sum(moved.total_cost_eur), 0) AS given_eur,
    coalesce(sum(tried.total_cost_eur), 0) AS stored_eur
FROM tried
JOIN scratch_requests AS moved ON moved.request_id = tried.request_id
