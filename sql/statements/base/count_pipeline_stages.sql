-- How many sessions stand where, per stage; a session without a row at a stage is PENDING there.
-- Of all companies no import is looked up.
WITH totals AS (
    SELECT coalesce(sum(kept_counts.found), 0) AS sessions
    FROM kept_counts
    WHERE
        kept_counts.table_name = 'session_imports'
        AND (CAST(:company_id AS uuid) IS NULL OR kept_counts.company_id = :company_id)
),

counted AS (
    SELECT
        stage_row.stage,
        stage_row.status,
        count(*) AS sessions
    FROM session_processing_status AS stage_row
    WHERE CAST(:company_id AS uuid) IS NULL
    GROUP BY stage_row.stage, stage_row.status
    UNION ALL
    SELECT
        stage_row.stage,
        stage_row.status,
        count(*)
    FROM session_processing_status AS stage_row
    JOIN session_imports ON session_imports.id = stage_row.import_id
    WHERE session_imports.company_id = :company_id
    GROUP BY stage_row.stage, stage_row.status
),

filled AS (
    SELECT
        counted.stage,
        counted.status,
        counted.sessions
    FROM counted
    UNION ALL
    SELECT
        processing_stages.name,
        'PENDING',
        totals.sessions - coalesce((
            SELECT sum(counted.sessions) FROM counted
            WHERE counted.stage = processing_stages.name
        ), 0)
    FROM processing_stages
    CROSS JOIN totals
)

SELECT
    processing_stages.name AS stage,
    filled.status,
    sum(filled.sessions)::bigint AS sessions
FROM processing_stages
JOIN filled ON filled.stage = processing_stages.name
GROUP BY processing_stages.name, processing_stages.position, filled.status
ORDER BY processing_stages.position, filled.status
