-- Up to when a company's results are complete. The time in an answer is that of the transaction that writes it, or a little
-- later; a transaction that has touched sessions and is not over may still bring answers from since its beginning.
SELECT least(CAST(:before AS timestamptz), min(writers.xact_start)) AS horizon
FROM pg_locks AS held
JOIN pg_stat_activity AS writers ON writers.pid = held.pid
WHERE
    held.locktype = 'relation'
    AND held.relation = 'sessions'::regclass
    -- A database made as a copy of another one has the same numbers for its tables.
    AND held.database = (
        SELECT pg_database.oid
        FROM pg_database
        WHERE pg_database.datname = current_database()
    )
    AND held.mode IN ('RowShareLock', 'RowExclusiveLock')
    AND held.pid <> pg_backend_pid()
