-- Sums the entries of some batches and hours anew, and takes their marks away. One statement, so that sums and marks are of one
-- snapshot: a mark that is written meanwhile stays, and its batch is read entry by entry.
WITH unmarked AS (
    DELETE FROM spend_marks
    WHERE batch_id = ANY(CAST(:batch_ids AS uuid[])) OR settled_hour = ANY(CAST(:hours AS timestamptz[]))
),

forgotten AS (
    DELETE FROM spend_sums
    WHERE batch_id = ANY(CAST(:batch_ids AS uuid[])) OR settled_hour = ANY(CAST(:hours AS timestamptz[]))
),

summed AS (
    SELECT
        CAST(NULL AS timestamptz) AS settled_hour,
        of_batches.*
    FROM included.ledger.sum_spend_entries AS of_batches
    WHERE of_batches.entry <> 'surplus' AND of_batches.batch_id = ANY(CAST(:batch_ids AS uuid[]))
    UNION ALL
    SELECT
        hours.settled_hour,
        of_hours.*
    FROM unnest(CAST(:hours AS timestamptz[])) AS hours (settled_hour)
    CROSS JOIN LATERAL (
        SELECT sums.*
        FROM included.ledger.sum_spend_entries AS sums
        WHERE
            sums.batch_id IS NULL
            AND sums.incurred_at >= hours.settled_hour
            AND sums.incurred_at < hours.settled_hour + interval '1 hour'
    ) AS of_hours
)

INSERT INTO spend_sums (
    settled_hour,
    batch_id,
    company_id,
    model,
    processing_type,
    entry,
    outcome,
    part,
    incurred_at,
    is_in_flight,
    is_open,
    is_late,
    entries,
    requests, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_usd, cost_eur, synchronous_usd, compared_usd,
    without_synchronous, reserved_eur, unlimited, set_aside_eur, charged_eur, unpriced
)
SELECT
    summed.settled_hour,
    summed.batch_id,
    summed.company_id,
    summed.model,
    summed.processing_type,
    summed.entry,
    summed.outcome,
    summed.part,
    summed.incurred_at,
    summed.is_in_flight,
    summed.is_open,
    summed.is_late,
    summed.entries,
    summed.requests,
    summed.input_tokens,
    summed.cached_tokens,
    summed.output_tokens,
    summed.reasoning_tokens,
    summed.cost_usd,
    summed.cost_eur,
    summed.synchronous_usd,
    summed.compared_usd,
    summed.without_synchronous,
    summed.reserved_eur,
    summed.unlimited,
    summed.set_aside_eur,
    summed.charged_eur,
    summed.unpriced
FROM summed
