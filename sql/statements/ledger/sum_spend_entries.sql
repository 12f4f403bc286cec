-- Sums of alike entries of `find_spend_entries`: those of one batch, or of an hour without a batch, that agree in all by which
-- spending is asked for. These are the sums that are kept in `spend_sums`; whatever is not kept is summed so where it is read.
SELECT
    entries.batch_id,
    entries.company_id,
    entries.model,
    entries.processing_type,
    entries.entry,
    entries.outcome,
    entries.part,
    entries.incurred_at,
    entries.is_in_flight,
    entries.is_open,
    entries.is_late,
    count(*) AS entries,
    count(*) FILTER (WHERE entries.is_charged AND entries.request_id IS NOT NULL) AS requests,
    sum(entries.input_tokens)::bigint AS input_tokens,
    sum(entries.cached_tokens)::bigint AS cached_tokens,
    sum(entries.output_tokens)::bigint AS output_tokens,
    sum(entries.reasoning_tokens)::bigint AS reasoning_tokens,
    coalesce(sum(entries.cost_usd), 0) AS cost_usd,
    coalesce(sum(entries.cost_eur), 0) AS cost_eur,
    coalesce(sum(entries.standard_usd) FILTER (WHERE entries.is_comparable), 0) AS synchronous_usd,
    coalesce(sum(entries.cost_usd) FILTER (WHERE entries.is_comparable), 0) AS compared_usd,
    count(*) FILTER (WHERE entries.is_paid_line AND NOT entries.is_comparable) AS without_synchronous,
    coalesce(sum(entries.reserved_eur), 0) AS reserved_eur,
    count(*) FILTER (WHERE entries.reserved_eur IS NULL) AS unlimited,
    coalesce(
        sum(entries.reserved_eur) FILTER (WHERE NOT entries.is_in_flight AND NOT entries.is_open AND entries.cost_eur > 0), 0
    ) AS set_aside_eur,
    coalesce(
        sum(entries.cost_eur) FILTER (
            WHERE NOT entries.is_in_flight AND NOT entries.is_open AND entries.reserved_eur IS NOT NULL
        ),
        0
    ) AS charged_eur,
    count(*) FILTER (WHERE entries.entry = 'taken_over' AND entries.is_charged AND entries.cost_eur IS NULL) AS unpriced
FROM included.ledger.find_spend_entries AS entries
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
