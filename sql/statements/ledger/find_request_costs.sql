-- The cost of each try of some requests, with what was filled in later; null while it is unknown.
SELECT
    entries.entry_id,
    entries.cost_eur
FROM cost_entries AS entries
WHERE entries.request_id = ANY(CAST(:request_ids AS uuid[]))
