-- Sessions of each company that has some, as the list of sessions shows them: without imports of which none could be created.
SELECT
    companies.slug,
    counted.sessions
FROM (
    SELECT
        company_id,
        count(*) AS sessions
    FROM sessions
    GROUP BY company_id
) AS counted
JOIN companies ON companies.id = counted.company_id
