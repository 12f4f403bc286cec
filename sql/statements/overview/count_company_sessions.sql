-- Sessions of each company that has some, as the list of sessions shows them: without imports of which none could be created.
SELECT
    companies.slug,
    counted.sessions
FROM (
    SELECT
        kept.company_id,
        sum(kept.found)::bigint AS sessions
    FROM kept_counts AS kept
    WHERE kept.table_name = 'sessions'
    GROUP BY kept.company_id
    HAVING sum(kept.found) > 0
) AS counted
JOIN companies ON companies.id = counted.company_id
