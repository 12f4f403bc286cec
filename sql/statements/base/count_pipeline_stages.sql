-- How many sessions stand where, per stage, by counts that triggers keep; a session without a row at a stage is PENDING there.
WITH kept AS (
    SELECT
        kept_counts.table_name,
        kept_counts.kind AS stage,
        kept_counts.status,
        sum(kept_counts.found) AS sessions
    FROM kept_counts
    WHERE
        kept_counts.table_name IN ('session_imports', 'session_processing_status')
        AND (CAST(:company_id AS uuid) IS NULL OR kept_counts.company_id = :company_id)
    GROUP BY kept_counts.table_name, kept_counts.kind, kept_counts.status
),

counted AS (
    SELECT
        kept.stage,
        kept.status,
        kept.sessions
    FROM kept
    WHERE kept.table_name = 'session_processing_status'
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
        coalesce((
            SELECT kept.sessions FROM kept
            WHERE kept.table_name = 'session_imports'
        ), 0) - coalesce((
            SELECT sum(counted.sessions) FROM counted
            WHERE counted.stage = processing_stages.name
        ), 0)
    FROM processing_stages
)

SELECT
    processing_stages.name AS stage,
    filled.status,
    sum(filled.sessions)::bigint AS sessions
FROM processing_stages
JOIN filled ON filled.stage = processing_stages.name
GROUP BY processing_stages.name, processing_stages.position, filled.status
ORDER BY processing_stages.position, filled.status
