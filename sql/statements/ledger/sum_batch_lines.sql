-- The tokens of all tries of a batch, late answers included, and how many tries may have been charged and state none. The total
-- is `TokenUsage.all_tokens` of every line.
SELECT
    coalesce(sum(tries.prompt_tokens), 0)::bigint AS prompt_tokens,
    coalesce(sum(tries.completion_tokens), 0)::bigint AS completion_tokens,
    coalesce(sum(tries.cached_tokens), 0)::bigint AS cached_tokens,
    coalesce(
        sum(greatest(coalesce(tries.prompt_tokens, 0) + coalesce(tries.completion_tokens, 0), tries.total_tokens)), 0
    )::bigint AS total_tokens,
    count(*) FILTER (
        WHERE tries.outcome = ANY(:unproven_outcomes)
        AND tries.prompt_tokens IS NULL AND tries.completion_tokens IS NULL AND tries.total_tokens IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM ai_request_attempts AS late
            WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late
        )
    ) AS unmeasured
FROM ai_request_attempts AS tries
WHERE tries.batch_id = :batch_id
