-- The total is `TokenUsage.all_tokens` of every line.
SELECT
    coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
    coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
    coalesce(
        sum(greatest(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0), total_tokens)), 0
    )::bigint AS total_tokens
FROM scratch_results
