-- What some batches cost, with what no line states and surplus beside them, and what was set aside when they were claimed. The
-- cost is null while a part of it is unknown, and until anything of it is known.
SELECT
    entries.batch_id,
    CASE
        WHEN bool_or(entries.is_open) OR (bool_or(entries.is_in_flight) AND count(entries.cost_usd) = 0) THEN NULL
        ELSE coalesce(sum(entries.cost_usd), 0)
    END AS cost_usd,
    CASE
        WHEN bool_or(entries.is_open) OR (bool_or(entries.is_in_flight) AND count(entries.cost_eur) = 0) THEN NULL
        ELSE coalesce(sum(entries.cost_eur), 0)
    END AS cost_eur,
    coalesce(sum(entries.cost_eur) FILTER (WHERE entries.entry = 'unattributed'), 0) AS unattributed_eur,
    coalesce(sum(entries.cost_eur) FILTER (WHERE entries.entry = 'surplus'), 0) AS surplus_eur,
    CASE
        WHEN count(*) FILTER (WHERE entries.entry = 'line' AND NOT entries.is_late AND entries.reserved_eur IS NULL) = 0
            THEN sum(entries.reserved_eur) FILTER (WHERE entries.entry = 'line' AND NOT entries.is_late)
    END AS estimated_eur,
    count(*) FILTER (WHERE entries.is_open) AS open_entries
FROM cost_entries AS entries
WHERE entries.batch_id = ANY(CAST(:batch_ids AS uuid[]))
GROUP BY entries.batch_id
