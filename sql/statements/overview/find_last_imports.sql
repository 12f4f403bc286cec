-- The newest import of each of some companies, by the index of their imports.
SELECT
    companies.id AS company_id,
    runs.id,
    runs.status,
    runs.started_at,
    runs.finished_at,
    runs.rows,
    runs.rows_rejected,
    runs.error_code
FROM companies
CROSS JOIN
    LATERAL (
        SELECT *
        FROM import_runs
        WHERE import_runs.company_id = companies.id
        ORDER BY import_runs.started_at DESC, import_runs.id DESC
        LIMIT 1
    ) AS runs
WHERE companies.id = ANY(CAST(:company_ids AS uuid[]))
