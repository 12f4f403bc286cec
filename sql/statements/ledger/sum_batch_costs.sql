-- What some batches cost, with what no line states and surplus beside them, and what was set aside when they were claimed. The
-- cost is null while a part of it is unknown, and until anything of it is known.
SELECT
    sums.batch_id,
    CASE
        WHEN bool_or(sums.is_open) OR (bool_or(sums.is_in_flight) AND count(sums.part) = 0) THEN NULL
        ELSE coalesce(sum(sums.cost_usd), 0)
    END AS cost_usd,
    CASE
        WHEN bool_or(sums.is_open) OR (bool_or(sums.is_in_flight) AND count(sums.part) = 0) THEN NULL
        ELSE coalesce(sum(sums.cost_eur), 0)
    END AS cost_eur,
    coalesce(sum(sums.cost_eur) FILTER (WHERE sums.entry = 'unattributed'), 0) AS unattributed_eur,
    coalesce(sum(sums.cost_eur) FILTER (WHERE sums.entry = 'surplus'), 0) AS surplus_eur,
    CASE
        WHEN coalesce(sum(sums.unlimited) FILTER (WHERE sums.entry = 'line' AND NOT sums.is_late), 0) = 0
            THEN sum(sums.reserved_eur) FILTER (WHERE sums.entry = 'line' AND NOT sums.is_late)
    END AS estimated_eur,
    CAST(coalesce(sum(sums.entries) FILTER (WHERE sums.is_open), 0) AS bigint) AS open_entries
FROM included.ledger.find_spend_sums AS sums
WHERE sums.batch_id = ANY(CAST(:batch_ids AS uuid[]))
GROUP BY sums.batch_id
