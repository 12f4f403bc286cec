-- The tokens of all tries of a batch, late answers included, and how many tries may have been charged and state none, or one part
-- alone. The total is `TokenUsage.all_tokens` of every line.
WITH tries AS (
    SELECT
        lines.prompt_tokens,
        lines.completion_tokens,
        lines.cached_tokens,
        lines.total_tokens,
        lines.outcome = ANY(:unproven_outcomes) AND lines.total_cost_usd IS NULL AS is_unproven,
        (lines.prompt_tokens IS NULL) <> (lines.completion_tokens IS NULL) AS is_half,
        coalesce(lines.prompt_tokens, lines.completion_tokens, lines.total_tokens) IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM ai_request_attempts AS late
            WHERE late.request_id = lines.request_id AND late.batch_id = lines.batch_id AND late.is_late
        ) AS is_silent
    FROM ai_request_attempts AS lines
    WHERE lines.batch_id = :batch_id
)

SELECT
    coalesce(sum(tries.prompt_tokens), 0)::bigint AS prompt_tokens,
    coalesce(sum(tries.completion_tokens), 0)::bigint AS completion_tokens,
    coalesce(sum(tries.cached_tokens), 0)::bigint AS cached_tokens,
    coalesce(
        sum(greatest(coalesce(tries.prompt_tokens, 0) + coalesce(tries.completion_tokens, 0), tries.total_tokens)), 0
    )::bigint AS total_tokens,
    count(*) FILTER (WHERE tries.is_unproven AND tries.is_silent) AS silent,
    count(*) FILTER (WHERE tries.is_unproven AND tries.is_half) AS half_stated
FROM tries
