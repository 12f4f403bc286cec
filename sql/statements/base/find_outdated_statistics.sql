-- Tables of ours of which more than half has changed since the planner last looked, by what Postgres counts for autovacuum. One
-- that it has never looked at counts as empty, however large it is.
SELECT tables.relname AS name
FROM pg_stat_user_tables AS tables
JOIN pg_class AS classes ON classes.oid = tables.relid
WHERE
    classes.relnamespace = CAST(current_schema() AS regnamespace)
    AND tables.relname = ANY(CAST(:names AS text[]))
    AND tables.n_mod_since_analyze > greatest(:least_changed, classes.reltuples / 2)
ORDER BY tables.relname
