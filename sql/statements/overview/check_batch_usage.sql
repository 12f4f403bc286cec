-- Batches whose lines and what is booked beside them do not add up to the tokens that the service reports (`usage_differs`).
SELECT
    batches.id AS batch_id,
    CASE
        WHEN
            stated.cached_tokens <> batches.lines_cached_tokens
            AND stated.input_tokens = batches.lines_input_tokens
            AND stated.output_tokens = batches.lines_output_tokens
            THEN 'cached tokens differ from batch.usage'
        ELSE 'tokens differ from batch.usage'
    END AS problem
FROM ai_batch_requests AS batches
CROSS JOIN
    LATERAL (
        SELECT
            coalesce(sum(rest.prompt_tokens), 0) AS prompt_tokens,
            coalesce(sum(rest.completion_tokens), 0) AS completion_tokens,
            coalesce(sum(rest.cached_tokens), 0) AS cached_tokens,
            coalesce(sum(rest.total_tokens), 0) AS total_tokens
        FROM ai_cost_adjustments AS rest
        WHERE rest.batch_id = batches.id
    ) AS booked
CROSS JOIN
    LATERAL (
        SELECT
            (batches.usage ->> 'input_tokens')::bigint - booked.prompt_tokens AS input_tokens,
            (batches.usage ->> 'output_tokens')::bigint - booked.completion_tokens AS output_tokens,
            (batches.usage ->> 'cached_tokens')::bigint - booked.cached_tokens AS cached_tokens,
            (batches.usage ->> 'total_tokens')::bigint - booked.total_tokens AS total_tokens
    ) AS stated
WHERE
    batches.processed_at IS NOT NULL
    AND batches.usage IS NOT NULL
    AND (
        stated.input_tokens <> batches.lines_input_tokens
        OR stated.output_tokens <> batches.lines_output_tokens
        OR stated.cached_tokens <> batches.lines_cached_tokens
        OR (
            stated.input_tokens IS NULL
            AND stated.output_tokens IS NULL
            AND stated.total_tokens <> (
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
