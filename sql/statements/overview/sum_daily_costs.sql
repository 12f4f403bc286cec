-- What the ledger knows to have been spent per UTC day, in euro, and how many entries of the day have no known cost.
SELECT
    CAST(sums.incurred_at AT TIME ZONE 'UTC' AS date) AS entry_day,
    sum(sums.cost_eur) AS eur,
    CAST(coalesce(sum(sums.entries) FILTER (WHERE sums.is_open), 0) AS bigint) AS open_entries
FROM included.ledger.find_spend_sums AS sums
WHERE sums.incurred_at >= :since AND sums.incurred_at < :until
GROUP BY 1
