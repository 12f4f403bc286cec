-- Per company, the money of a time that began at a moment: spent, of which at an unknown cost, in flight at most, and what one
-- more request sets aside. As the claims count it (`sum_committed`): what may have been charged and has no known cost counts as
-- what was set aside for it.
SELECT
    companies.slug AS company,
    coalesce(
        sum(CASE WHEN entries.is_open THEN entries.reserved_eur ELSE entries.cost_eur END)
        FILTER (WHERE NOT entries.is_in_flight),
        0
    ) AS spent_eur,
    coalesce(sum(entries.reserved_eur) FILTER (WHERE entries.is_open), 0) AS open_eur,
    count(*) FILTER (WHERE entries.is_open) AS open_entries,
    coalesce(sum(entries.reserved_eur) FILTER (WHERE entries.is_in_flight), 0) AS in_flight_eur,
    coalesce(avg(entries.reserved_eur) FILTER (WHERE entries.request_id IS NOT NULL), 0) AS one_more_eur
FROM cost_entries AS entries
JOIN companies ON companies.id = entries.company_id
WHERE entries.entry <> 'taken_over' AND (entries.is_in_flight OR entries.incurred_at >= :since)
GROUP BY companies.slug
ORDER BY companies.slug
