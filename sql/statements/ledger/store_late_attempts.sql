-- The ledger of late answers: what was settled stays as it is, and what shows of it later is a row of its own, once. The batch's
-- lines count it as well, so that they add up to what the service reports.
WITH stored AS (
    INSERT INTO ai_request_attempts (
        request_id, batch_id, is_late, transcript_hash, created_at, settled_at, outcome, error_code, error_message, http_status,
        finish_reason, openai_request_id, model, service_tier, system_fingerprint, prompt_tokens, completion_tokens, total_tokens,
        cached_tokens, cache_write_tokens, audio_tokens_prompt, reasoning_tokens, audio_tokens_completion,
        accepted_prediction_tokens, rejected_prediction_tokens, pricing_id, prompt_cost_usd, completion_cost_usd, total_cost_usd,
        usd_eur, total_cost_eur, reserved_eur
    )
    SELECT
        staged.request_id,
        :batch_id,
        true,
        settled.transcript_hash,
        :now,
        :now,
        staged.outcome,
        staged.error_code,
        staged.error_message,
        staged.http_status,
        staged.finish_reason,
        staged.openai_request_id,
        staged.model,
        staged.service_tier,
        staged.system_fingerprint,
        staged.prompt_tokens,
        staged.completion_tokens,
        staged.total_tokens,
        staged.cached_tokens,
        staged.cache_write_tokens,
        staged.audio_tokens_prompt,
        staged.reasoning_tokens,
        staged.audio_tokens_completion,
        staged.accepted_prediction_tokens,
        staged.rejected_prediction_tokens,
        CASE WHEN staged.total_cost_usd IS NOT null THEN CAST(:pricing_id AS uuid) END,
        staged.prompt_cost_usd,
        staged.completion_cost_usd,
        staged.total_cost_usd,
        CASE WHEN staged.total_cost_eur IS NOT null THEN CAST(:usd_eur AS numeric) END,
        staged.total_cost_eur,
        settled.reserved_eur
    FROM scratch_results AS staged
    JOIN ai_request_attempts AS settled
        ON settled.request_id = staged.request_id AND settled.batch_id = :batch_id AND NOT settled.is_late
    WHERE staged.outcome = ANY(:paid_outcomes)
    ORDER BY staged.request_id
    ON CONFLICT (request_id, batch_id, is_late) DO NOTHING
    RETURNING request_id, outcome, prompt_tokens, completion_tokens, cached_tokens, total_cost_eur
),

totals AS (
    SELECT
        count(*) AS answers,
        count(*) FILTER (WHERE staged.is_success) AS succeeded,
        -- Their lines were there, and counted as failed since nobody could read them.
        count(*) FILTER (WHERE settled.error_code = 'unreadable_line') AS were_unreadable,
        coalesce(sum(stored.prompt_tokens), 0) AS input_tokens,
        coalesce(sum(stored.completion_tokens), 0) AS output_tokens,
        coalesce(sum(stored.cached_tokens), 0) AS cached_tokens
    FROM stored
    JOIN scratch_results AS staged ON staged.request_id = stored.request_id
    JOIN ai_request_attempts AS settled
        ON settled.request_id = stored.request_id AND settled.batch_id = :batch_id AND NOT settled.is_late
),

counted AS (
    UPDATE ai_batch_requests AS batches
    SET
        lines_succeeded = coalesce(batches.lines_succeeded, 0) + totals.succeeded,
        lines_failed = greatest(
            coalesce(batches.lines_failed, 0) + totals.answers - totals.succeeded - totals.were_unreadable, 0
        ),
        lines_input_tokens = coalesce(batches.lines_input_tokens, 0) + totals.input_tokens,
        lines_output_tokens = coalesce(batches.lines_output_tokens, 0) + totals.output_tokens,
        -- Unknown where its lines were counted before there was this count; where none were counted there are none.
        lines_cached_tokens = CASE
            WHEN batches.lines_input_tokens IS null THEN totals.cached_tokens
            ELSE batches.lines_cached_tokens + totals.cached_tokens
        END
    FROM totals
    WHERE batches.id = :batch_id AND totals.answers > 0
)

SELECT
    stored.outcome,
    count(*) AS answers,
    count(*) FILTER (WHERE stored.total_cost_eur IS null) AS without_cost,
    coalesce(sum(stored.total_cost_eur), 0) AS cost_eur
FROM stored
GROUP BY stored.outcome
