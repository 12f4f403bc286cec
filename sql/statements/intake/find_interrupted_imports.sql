-- Newest import runs that still count as running although nobody holds the lock of their company's import (`take_import_lock`):
-- the process ended before they did. The lock is looked at and not taken: an import that begins meanwhile must find it free, and
-- one that is seen to run has held it since before. Older runs were ended by newer ones.
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
WHERE
    NOT EXISTS (
        SELECT 1
        FROM pg_locks AS held
        JOIN pg_database AS here ON here.oid = held.database AND here.datname = current_database()
        WHERE
            held.locktype = 'advisory'
            AND held.granted
            -- How Postgres shows a lock of one bigint: its two halves.
            AND held.objsubid = 1
            AND (CAST(held.classid AS bigint) << 32) | CAST(held.objid AS bigint)
            = hashtextextended('livedash import ' || CAST(running.company_id AS text), 0)
    )
