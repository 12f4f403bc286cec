-- What counts against caps and budgets from a moment on, and whatever is in flight: each entry with its cost, or with what is set
-- aside for it while nobody knows that (null without a known limit). What the old system spent before its data came here is none
-- of it.
SELECT
    entries.company_id,
    entries.request_id,
    entries.is_in_flight,
    entries.is_open,
    entries.incurred_at,
    entries.reserved_eur,
    entries.cost_eur,
    CASE WHEN entries.is_in_flight OR entries.is_open THEN entries.reserved_eur ELSE entries.cost_eur END AS committed_eur
FROM cost_entries AS entries
WHERE
    entries.entry <> 'taken_over'
    AND (entries.is_in_flight OR entries.incurred_at >= :since)
