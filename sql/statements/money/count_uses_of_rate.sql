-- How many entries of the time that a day's rate counts for were worked out with it: tries in batches, calls, surplus, and what
-- no line states.
WITH batches AS (
    SELECT id FROM ai_batch_requests
    WHERE
        coalesce(submitted_at, created_at) >= :since
        AND (CAST(:until AS timestamptz) IS NULL OR coalesce(submitted_at, created_at) < :until)
)

SELECT
    (
        SELECT count(*) FROM batches
        JOIN ai_request_attempts AS tries ON tries.batch_id = batches.id
        LEFT JOIN ai_cost_adjustments AS mended ON mended.attempt_id = tries.id
        WHERE coalesce(tries.usd_eur, mended.usd_eur) = :usd_eur
    )
    + (
        SELECT count(*) FROM ai_request_attempts AS calls
        LEFT JOIN ai_cost_adjustments AS mended ON mended.attempt_id = calls.id
        WHERE
            calls.is_call
            AND calls.created_at >= :since
            AND (CAST(:until AS timestamptz) IS NULL OR calls.created_at < :until)
            AND coalesce(calls.usd_eur, mended.usd_eur) = :usd_eur
    )
    + (
        SELECT count(*) FROM ai_surplus_batches AS surplus
        LEFT JOIN ai_cost_adjustments AS mended ON mended.surplus_id = surplus.id
        WHERE
            coalesce(surplus.submitted_at, surplus.found_at) >= :since
            AND (CAST(:until AS timestamptz) IS NULL OR coalesce(surplus.submitted_at, surplus.found_at) < :until)
            AND coalesce(surplus.usd_eur, mended.usd_eur) = :usd_eur
    )
    + (
        SELECT count(*) FROM batches
        JOIN ai_cost_adjustments AS rest ON rest.batch_id = batches.id
        LEFT JOIN ai_cost_adjustments AS mended ON mended.adjustment_id = rest.id
        WHERE coalesce(rest.usd_eur, mended.usd_eur) = :usd_eur
    ) AS entries
