-- Newest import runs that still count as running although nobody holds the lock of their company's import (`take_import_lock`):
-- the process ended before they did. The lock is held until the end of the transaction; older runs were ended by newer ones.
WITH running AS MATERIALIZED (
    SELECT
        newest.id,
        companies.id AS company_id
    FROM companies
    CROSS JOIN
        LATERAL (
            SELECT
                import_runs.id,
                import_runs.status
            FROM import_runs
            WHERE import_runs.company_id = companies.id
            ORDER BY import_runs.started_at DESC, import_runs.id DESC
            LIMIT 1
        ) AS newest
    WHERE newest.status = 'RUNNING'
)

SELECT running.id
FROM running
WHERE pg_try_advisory_xact_lock(hashtextextended('livedash import ' || CAST(running.company_id AS text), 0))
