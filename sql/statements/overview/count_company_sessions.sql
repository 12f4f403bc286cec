-- Imported sessions of each company that has some.
SELECT
    companies.slug,
    counted.sessions
FROM (
    SELECT
        company_id,
        count(*) AS sessions
    FROM session_imports
    GROUP BY company_id
) AS counted
JOIN companies ON companies.id = counted.company_id
