-- A stage at which a session is not done, or no row: by kept counts, and by what is behind stages that failed. A session is done
-- where it is under way nowhere, and PENDING only behind a FAILED stage; `count_unsettled_sessions` looks at each of them.
WITH counted AS (
    SELECT
        counts.stage,
        counts.status,
        counts.sessions,
        sum(counts.sessions) FILTER (WHERE counts.status = 'FAILED') OVER (
            ORDER BY processing_stages.position GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS failed_before
    FROM included.base.count_pipeline_stages AS counts
    JOIN processing_stages ON processing_stages.name = counts.stage
),

failed AS (
    SELECT
        stage_row.import_id,
        min(processing_stages.position) AS first_failed
    FROM session_processing_status AS stage_row
    JOIN session_imports AS imports ON imports.id = stage_row.import_id
    JOIN processing_stages ON processing_stages.name = stage_row.stage
    WHERE
        stage_row.status = 'FAILED'
        AND (CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id)
    GROUP BY stage_row.import_id
),

behind AS (
    SELECT
        stages.name AS stage,
        count(*) AS sessions
    FROM failed
    JOIN processing_stages AS stages ON stages.position > failed.first_failed
    LEFT JOIN session_processing_status AS stage_row
        ON stage_row.import_id = failed.import_id AND stage_row.stage = stages.name
    -- A stage without a row is PENDING.
    WHERE coalesce(stage_row.status, 'PENDING') = 'PENDING'
    GROUP BY stages.name
)

SELECT counted.stage
FROM counted
WHERE
    counted.sessions > 0
    -- More than can be behind failures: nobody has to look which are.
    AND (counted.status = 'IN_PROGRESS' OR (counted.status = 'PENDING' AND counted.sessions > coalesce(counted.failed_before, 0)))
UNION ALL
SELECT counted.stage
FROM counted
LEFT JOIN behind ON behind.stage = counted.stage
WHERE counted.status = 'PENDING' AND counted.sessions > coalesce(behind.sessions, 0)
LIMIT 1
