-- Rejected rows of each company's newest reading of its CSV.
SELECT count(*)
FROM import_rejects
JOIN (
    SELECT DISTINCT ON (import_runs.company_id) import_runs.id
    FROM import_runs
    WHERE import_runs.status = 'COMPLETED' AND NOT import_runs.not_modified
    ORDER BY import_runs.company_id ASC, import_runs.started_at DESC
) AS latest ON latest.id = import_rejects.import_run_id
