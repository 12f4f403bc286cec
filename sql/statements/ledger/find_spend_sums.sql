-- All that costs money, as sums of alike entries: kept ones, and those of batches and hours that a mark says have changed since,
-- of what is in flight without a batch, and of surplus batches, which are summed here. One snapshot has sums, marks and entries,
-- and whatever changes an entry leaves its mark in the same transaction: so no entry is missing, and none counts twice.
SELECT
    kept.batch_id,
    kept.company_id,
    kept.model,
    kept.processing_type,
    kept.entry,
    kept.outcome,
    kept.part,
    kept.incurred_at,
    kept.is_in_flight,
    kept.is_open,
    kept.is_late,
    kept.entries,
    kept.requests,
    kept.input_tokens,
    kept.cached_tokens,
    kept.output_tokens,
    kept.reasoning_tokens,
    kept.cost_usd,
    kept.cost_eur,
    kept.synchronous_usd,
    kept.compared_usd,
    kept.without_synchronous,
    kept.reserved_eur,
    kept.unlimited,
    kept.set_aside_eur,
    kept.charged_eur,
    kept.unpriced
FROM spend_sums AS kept
WHERE
    NOT EXISTS (
        SELECT 1 FROM spend_marks AS marks
        WHERE marks.batch_id = kept.batch_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM spend_marks AS marks
        WHERE marks.settled_hour = kept.settled_hour
    )
UNION ALL
SELECT
    changed.batch_id,
    changed.company_id,
    changed.model,
    changed.processing_type,
    changed.entry,
    changed.outcome,
    changed.part,
    changed.incurred_at,
    changed.is_in_flight,
    changed.is_open,
    changed.is_late,
    changed.entries,
    changed.requests,
    changed.input_tokens,
    changed.cached_tokens,
    changed.output_tokens,
    changed.reasoning_tokens,
    changed.cost_usd,
    changed.cost_eur,
    changed.synchronous_usd,
    changed.compared_usd,
    changed.without_synchronous,
    changed.reserved_eur,
    changed.unlimited,
    changed.set_aside_eur,
    changed.charged_eur,
    changed.unpriced
FROM included.ledger.sum_spend_entries AS changed
WHERE
    changed.entry <> 'surplus'
    AND changed.batch_id = ANY(
        ARRAY(
            SELECT DISTINCT marks.batch_id FROM spend_marks AS marks
            WHERE marks.batch_id IS NOT NULL
        )
    )
UNION ALL
SELECT
    changed.batch_id,
    changed.company_id,
    changed.model,
    changed.processing_type,
    changed.entry,
    changed.outcome,
    changed.part,
    changed.incurred_at,
    changed.is_in_flight,
    changed.is_open,
    changed.is_late,
    changed.entries,
    changed.requests,
    changed.input_tokens,
    changed.cached_tokens,
    changed.output_tokens,
    changed.reasoning_tokens,
    changed.cost_usd,
    changed.cost_eur,
    changed.synchronous_usd,
    changed.compared_usd,
    changed.without_synchronous,
    changed.reserved_eur,
    changed.unlimited,
    changed.set_aside_eur,
    changed.charged_eur,
    changed.unpriced
FROM (
    SELECT DISTINCT marks.settled_hour FROM spend_marks AS marks
    WHERE marks.settled_hour IS NOT NULL
) AS hours
CROSS JOIN
    LATERAL (
        SELECT sums.*
        FROM included.ledger.sum_spend_entries AS sums
        WHERE
            sums.batch_id IS NULL
            AND sums.incurred_at >= hours.settled_hour
            AND sums.incurred_at < hours.settled_hour + interval '1 hour'
    ) AS changed
UNION ALL
SELECT
    calls.batch_id,
    calls.company_id,
    calls.model,
    calls.processing_type,
    calls.entry,
    calls.outcome,
    calls.part,
    calls.incurred_at,
    calls.is_in_flight,
    calls.is_open,
    calls.is_late,
    calls.entries,
    calls.requests,
    calls.input_tokens,
    calls.cached_tokens,
    calls.output_tokens,
    calls.reasoning_tokens,
    calls.cost_usd,
    calls.cost_eur,
    calls.synchronous_usd,
    calls.compared_usd,
    calls.without_synchronous,
    calls.reserved_eur,
    calls.unlimited,
    calls.set_aside_eur,
    calls.charged_eur,
    calls.unpriced
FROM included.ledger.sum_spend_entries AS calls
WHERE calls.batch_id IS NULL AND calls.incurred_at IS NULL
UNION ALL
SELECT
    surplus.batch_id,
    surplus.company_id,
    surplus.model,
    surplus.processing_type,
    surplus.entry,
    surplus.outcome,
    surplus.part,
    surplus.incurred_at,
    surplus.is_in_flight,
    surplus.is_open,
    surplus.is_late,
    surplus.entries,
    surplus.requests,
    surplus.input_tokens,
    surplus.cached_tokens,
    surplus.output_tokens,
    surplus.reasoning_tokens,
    surplus.cost_usd,
    surplus.cost_eur,
    surplus.synchronous_usd,
    surplus.compared_usd,
    surplus.without_synchronous,
    surplus.reserved_eur,
    surplus.unlimited,
    surplus.set_aside_eur,
    surplus.charged_eur,
    surplus.unpriced
FROM included.ledger.sum_spend_entries AS surplus
WHERE surplus.entry = 'surplus'
