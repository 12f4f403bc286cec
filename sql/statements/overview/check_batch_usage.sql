-- Batches whose lines do not add up to the tokens that the service reports (`usage_differs`), and answers whose cost is unknown;
-- those of a system that was taken over have no batch, and nobody can price them any more. What was not paid has no cost,
-- whatever it says of tokens.
SELECT
    batches.id AS batch_id,
    CASE
        WHEN
            (batches.usage ->> 'cached_tokens')::bigint <> batches.lines_cached_tokens
            AND (batches.usage ->> 'input_tokens')::bigint = batches.lines_input_tokens
            AND (batches.usage ->> 'output_tokens')::bigint = batches.lines_output_tokens
            THEN 'cached tokens differ from batch.usage'
        ELSE 'tokens differ from batch.usage'
    END AS problem
FROM ai_batch_requests AS batches
WHERE
    batches.processed_at IS NOT NULL
    AND batches.usage IS NOT NULL
    AND (
        (batches.usage ->> 'input_tokens')::bigint <> batches.lines_input_tokens
        OR (batches.usage ->> 'output_tokens')::bigint <> batches.lines_output_tokens
        OR (batches.usage ->> 'cached_tokens')::bigint <> batches.lines_cached_tokens
        OR (
            batches.usage ->> 'input_tokens' IS NULL
            AND batches.usage ->> 'output_tokens' IS NULL
            AND (batches.usage ->> 'total_tokens')::bigint <> (
                -- As in `sum_scratch_usage`.
                SELECT
                    coalesce(
                        sum(greatest(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0), total_tokens)), 0
                    )
                FROM ai_request_attempts AS lines
                WHERE lines.batch_id = batches.id
            )
        )
    )
UNION ALL
SELECT DISTINCT
    attempts.batch_id,
    'no price or exchange rate'
FROM ai_request_attempts AS attempts
WHERE
    attempts.batch_id IS NOT NULL
    AND attempts.outcome = ANY(:paid_outcomes)
    AND (attempts.prompt_tokens IS NOT NULL OR attempts.total_tokens IS NOT NULL)
    AND attempts.total_cost_eur IS NULL
LIMIT 1000
