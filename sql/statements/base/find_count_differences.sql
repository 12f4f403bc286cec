-- What kept counts of a company, or of all, differ by from the rows, in one snapshot.
WITH counted AS (
    SELECT
        'session_imports' AS table_name,
        imports.company_id,
        CAST(NULL AS text) AS kind,
        CAST(NULL AS text) AS status,
        count(*) AS found
    FROM session_imports AS imports
    WHERE CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id
    GROUP BY imports.company_id
    UNION ALL
    SELECT
        'sessions',
        sessions.company_id,
        NULL,
        NULL,
        count(*)
    FROM sessions
    WHERE CAST(:company_id AS uuid) IS NULL OR sessions.company_id = :company_id
    GROUP BY sessions.company_id
    UNION ALL
    SELECT
        'ai_processing_requests',
        requests.company_id,
        requests.processing_type,
        requests.processing_status,
        count(*)
    FROM ai_processing_requests AS requests
    WHERE CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id
    GROUP BY requests.company_id, requests.processing_type, requests.processing_status
    UNION ALL
    SELECT
        'session_processing_status',
        imports.company_id,
        stages.stage,
        stages.status,
        count(*)
    FROM session_imports AS imports
    JOIN session_processing_status AS stages ON stages.import_id = imports.id
    WHERE CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id
    GROUP BY imports.company_id, stages.stage, stages.status
)

SELECT
    together.table_name,
    together.company_id,
    together.kind,
    together.status,
    sum(together.found) AS found
FROM (
    SELECT * FROM counted
    UNION ALL
    SELECT
        kept.table_name,
        kept.company_id,
        kept.kind,
        kept.status,
        -kept.found
    FROM kept_counts AS kept
    WHERE CAST(:company_id AS uuid) IS NULL OR kept.company_id = :company_id
) AS together
GROUP BY together.table_name, together.company_id, together.kind, together.status
HAVING sum(together.found) <> 0
