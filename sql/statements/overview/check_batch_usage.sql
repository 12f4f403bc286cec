-- Batches whose lines do not add up to the tokens that the service reports (`usage_differs`).
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
LIMIT 1000
