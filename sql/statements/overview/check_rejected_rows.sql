-- Per company, the newest import that read records: how many there were, and how many of them were rejected.
SELECT
    companies.slug AS company,
    runs.id AS import_run_id,
    runs.rows,
    runs.rows_rejected,
    runs.status,
    runs.started_at
FROM companies
JOIN LATERAL (
    SELECT *
    FROM import_runs
    WHERE import_runs.company_id = companies.id AND import_runs.status <> 'RUNNING' AND import_runs.rows > 0
    ORDER BY import_runs.started_at DESC
    LIMIT 1
) AS runs ON true
WHERE companies.status = ANY(:working_companies) AND runs.rows_rejected > 0
ORDER BY companies.slug
