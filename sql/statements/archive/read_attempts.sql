-- Rows of `attempts.parquet`.
SELECT
    attempts.id::text AS attempt_id,
    attempts.request_id::text AS request_id,
    requests.session_id::text AS session_id,
    attempts.batch_id::text AS batch_id,
    attempts.is_call,
    attempts.is_late,
    attempts.outcome,
    attempts.error_code,
    attempts.http_status,
    attempts.finish_reason,
    attempts.model,
    attempts.service_tier,
    attempts.created_at,
    attempts.settled_at,
    attempts.prompt_tokens,
    attempts.completion_tokens,
    attempts.total_tokens,
    attempts.cached_tokens,
    attempts.cache_write_tokens,
    attempts.reasoning_tokens,
    attempts.prompt_cost_usd,
    attempts.completion_cost_usd,
    attempts.total_cost_usd,
    attempts.usd_eur,
    attempts.total_cost_eur
FROM unnest(CAST(:session_ids AS uuid[])) WITH ORDINALITY AS wanted (session_id, place)
JOIN ai_processing_requests AS requests ON requests.session_id = wanted.session_id
JOIN ai_request_attempts AS attempts ON attempts.request_id = requests.id
ORDER BY wanted.place, attempts.id
