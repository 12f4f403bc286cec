-- Euro spent since a moment and the most that may be in flight, of one company or of all (null). What the old system spent before
-- its data came here is none of it.
SELECT
    coalesce(
        sum(CASE WHEN entries.is_in_flight OR entries.is_open THEN entries.reserved_eur ELSE entries.cost_eur END), 0
    ) AS committed_eur
FROM cost_entries AS entries
WHERE
    (CAST(:company_id AS uuid) IS NULL OR entries.company_id = :company_id)
    AND entries.entry <> 'taken_over'
    AND (entries.is_in_flight OR entries.incurred_at >= :since)
