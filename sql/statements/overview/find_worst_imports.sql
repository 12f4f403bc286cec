-- The last import of each working company that has a CSV: those that have failed most often in a row first, then those whose last
-- import is the longest ago. `total` and `failing` count all of them, however many are shown.
SELECT
    companies.slug AS company,
    companies.import_failures AS failures,
    companies.next_import_at,
    latest.id AS import_run_id,
    latest.status,
    latest.started_at,
    latest.finished_at,
    latest.not_modified,
    latest.rows_new,
    latest.rows_changed,
    latest.rows_unchanged,
    latest.rows_rejected,
    latest.error_code,
    latest.error_message,
    count(*) OVER () AS total,
    count(*) FILTER (WHERE companies.import_failures > 0) OVER () AS failing
FROM companies
LEFT JOIN LATERAL (
    SELECT import_runs.*
    FROM import_runs
    WHERE import_runs.company_id = companies.id
    ORDER BY import_runs.started_at DESC
    LIMIT 1
) AS latest ON TRUE
WHERE companies.status = ANY(:working_companies) AND companies.csv_url <> ''
ORDER BY companies.import_failures DESC, latest.started_at ASC NULLS FIRST, companies.slug ASC
LIMIT :most
