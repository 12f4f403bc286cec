-- What was charged in each UTC day for each model, to be compared with a bill.
SELECT
    CAST(sums.incurred_at AT TIME ZONE 'UTC' AS date) AS billed_day,
    sums.model,
    sum(sums.cost_usd) AS usd,
    sum(sums.input_tokens) AS input_tokens,
    sum(sums.cached_tokens) AS cached_tokens,
    sum(sums.output_tokens) AS output_tokens,
    sum(sums.requests) AS requests,
    CAST(coalesce(sum(sums.entries) FILTER (WHERE sums.is_open), 0) AS bigint) AS open_entries
FROM included.ledger.find_spend_sums AS sums
WHERE
    sums.incurred_at >= :since
    AND sums.incurred_at < :until
    -- A line in neither file is charged where somebody said so, and what is taken back is less of a charge.
    AND (
        sums.entry IN ('surplus', 'unattributed')
        OR (sums.entry <> 'taken_back' AND sums.outcome = ANY(:charged_outcomes))
        OR sums.is_open
        OR sums.cost_usd <> 0
    )
GROUP BY 1, 2
ORDER BY 1, 2
