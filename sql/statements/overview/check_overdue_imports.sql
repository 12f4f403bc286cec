-- Working companies with a CSV whose imports fail again and again, or whose import is overdue and not running.
SELECT
    companies.slug AS company,
    companies.import_failures,
    companies.next_import_at,
    newest.error_code,
    newest.started_at AS last_started_at
FROM companies
LEFT JOIN LATERAL (
    SELECT
        import_runs.status,
        import_runs.started_at,
        import_runs.error_code
    FROM import_runs
    WHERE import_runs.company_id = companies.id
    ORDER BY import_runs.started_at DESC
    LIMIT 1
) AS newest ON true
WHERE
    companies.status = ANY(:working_companies)
    AND companies.csv_url <> ''
    AND (
        companies.import_failures >= :failures
        OR (
            coalesce(companies.next_import_at, companies.created_at) < :due_before
            AND (
                newest.status IS DISTINCT FROM 'RUNNING'
                OR newest.started_at < :running_since
            )
        )
    )
ORDER BY companies.import_failures DESC, companies.slug ASC
