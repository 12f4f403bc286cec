-- Sessions that are not done. Done means COMPLETED, FAILED or SKIPPED at every stage, or PENDING behind a FAILED one. Rows are
-- gathered by import first: to look up earlier stages of every stage took nine times as long. Of a company only its own are read.
WITH placed AS (
    SELECT
        stage_row.import_id,
        stage_row.status,
        processing_stages.position
    FROM session_processing_status AS stage_row
    JOIN processing_stages ON processing_stages.name = stage_row.stage
    WHERE CAST(:company_id AS uuid) IS NULL
    UNION ALL
    SELECT
        stage_row.import_id,
        stage_row.status,
        processing_stages.position
    FROM session_imports AS imports
    JOIN session_processing_status AS stage_row ON stage_row.import_id = imports.id
    JOIN processing_stages ON processing_stages.name = stage_row.stage
    WHERE imports.company_id = :company_id
),

failed AS (
    SELECT
        placed.import_id,
        min(placed.position) AS first_failed
    FROM placed
    WHERE placed.status = 'FAILED'
    GROUP BY placed.import_id
),

gathered AS (
    SELECT
        placed.import_id,
        min(failed.first_failed) AS first_failed,
        bool_or(placed.status = 'IN_PROGRESS') AS is_going,
        count(*) FILTER (
            WHERE placed.status <> 'PENDING' AND (failed.first_failed IS NULL OR placed.position < failed.first_failed)
        ) AS ended
    FROM placed
    LEFT JOIN failed ON failed.import_id = placed.import_id
    GROUP BY placed.import_id
)

SELECT count(*)
FROM session_imports AS imports
LEFT JOIN gathered ON gathered.import_id = imports.id
WHERE
    (CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id)
    AND (
        coalesce(gathered.is_going, FALSE)
        -- A stage without a row is PENDING.
        OR coalesce(gathered.ended, 0) < (
            SELECT count(*)
            FROM processing_stages AS stages
            WHERE gathered.first_failed IS NULL OR stages.position < gathered.first_failed
        )
    )
