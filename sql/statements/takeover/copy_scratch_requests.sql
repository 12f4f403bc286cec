-- In the order of `takeover.store.chats`.
COPY scratch_requests (
    chat, request_id, legacy_id, source_id, attempt_id, processing_type, processing_status, prompt_version,
    transcript_hash, input_hash, parsed_answer, outcome, error_code, error_message, openai_request_id, model,
    service_tier, system_fingerprint, prompt_tokens, completion_tokens, total_tokens, cached_tokens,
    audio_tokens_prompt, reasoning_tokens, audio_tokens_completion, accepted_prediction_tokens,
    rejected_prediction_tokens, prompt_cost_usd, completion_cost_usd, total_cost_usd, total_cost_eur, requested_at,
    completed_at
) FROM STDIN
