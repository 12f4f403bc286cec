-- The cost of each try of some requests, with what was filled in later and what of that was taken back; null while it is unknown.
SELECT
    entries.entry_id,
    sum(entries.cost_eur) AS cost_eur
FROM cost_entries AS entries
WHERE entries.request_id = ANY(CAST(:request_ids AS uuid[]))
GROUP BY entries.entry_id
