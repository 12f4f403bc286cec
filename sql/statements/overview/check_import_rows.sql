-- Per company, its newest completed import: every record is new, changed, unchanged or rejected, and every reject is kept.
SELECT
    companies.slug AS company,
    runs.id AS import_run_id,
    runs.rows,
    runs.rows_new + runs.rows_changed + runs.rows_unchanged + runs.rows_rejected AS accounted,
    runs.rows_rejected,
    runs.not_modified,
    (
        SELECT count(*) FROM import_rejects
        WHERE import_rejects.import_run_id = runs.id
    ) AS rejects_kept
FROM companies
JOIN LATERAL (
    SELECT *
    FROM import_runs
    WHERE import_runs.company_id = companies.id AND import_runs.status = 'COMPLETED' AND NOT import_runs.not_modified
    ORDER BY import_runs.started_at DESC
    LIMIT 1
) AS runs ON true
ORDER BY companies.slug
