-- The ledger: what became of each try and what it cost. A settled attempt never changes.
UPDATE ai_request_attempts AS attempts
SET
    settled_at = :now,
    outcome = staged.outcome,
    error_code = staged.error_code,
    error_message = staged.error_message,
    http_status = staged.http_status,
    finish_reason = staged.finish_reason,
    openai_request_id = staged.openai_request_id,
    model = staged.model,
    service_tier = staged.service_tier,
    system_fingerprint = staged.system_fingerprint,
    prompt_tokens = staged.prompt_tokens,
    completion_tokens = staged.completion_tokens,
    total_tokens = staged.total_tokens,
    cached_tokens = staged.cached_tokens,
    cache_write_tokens = staged.cache_write_tokens,
    audio_tokens_prompt = staged.audio_tokens_prompt,
    reasoning_tokens = staged.reasoning_tokens,
    audio_tokens_completion = staged.audio_tokens_completion,
    accepted_prediction_tokens = staged.accepted_prediction_tokens,
    rejected_prediction_tokens = staged.rejected_prediction_tokens,
    pricing_id = CASE WHEN staged.total_cost_usd IS NOT NULL THEN CAST(:pricing_id AS uuid) END,
    prompt_cost_usd = staged.prompt_cost_usd,
    completion_cost_usd = staged.completion_cost_usd,
    total_cost_usd = staged.total_cost_usd,
    usd_eur = CASE WHEN staged.total_cost_eur IS NOT NULL THEN CAST(:usd_eur AS numeric) END,
    total_cost_eur = staged.total_cost_eur
FROM scratch_results AS staged
WHERE
    attempts.batch_id = :batch_id
    AND attempts.request_id = staged.request_id
    AND attempts.outcome IS NULL
