-- What was charged in each UTC day for each model, to be compared with a bill.
SELECT
    entries.entry_day AS billed_day,
    entries.model,
    coalesce(sum(entries.cost_usd), 0) AS usd,
    sum(entries.input_tokens) AS input_tokens,
    sum(entries.cached_tokens) AS cached_tokens,
    sum(entries.output_tokens) AS output_tokens,
    count(*) FILTER (WHERE entries.is_charged AND entries.request_id IS NOT NULL) AS requests,
    count(*) FILTER (WHERE entries.is_open) AS open_entries
FROM included.overview.find_spend_entries AS entries
WHERE
    entries.incurred_at >= :since
    AND entries.incurred_at < :until
    -- A line in neither file is charged where somebody said so, and what is taken back is less of a charge.
    AND (entries.is_charged OR entries.is_open OR entries.cost_usd <> 0)
GROUP BY 1, 2
ORDER BY 1, 2
