-- What the ledger knows to have been spent per UTC day, in euro, and how many entries of the day have no known cost.
SELECT
    CAST(entries.incurred_at AT TIME ZONE 'UTC' AS date) AS entry_day,
    coalesce(sum(entries.cost_eur), 0) AS eur,
    count(*) FILTER (WHERE entries.is_open) AS open_entries
FROM cost_entries AS entries
WHERE entries.incurred_at >= :since AND entries.incurred_at < :until
GROUP BY 1
