-- One page of stages that failed, by import and position. A session may have failed at more than one.
SELECT
    stage_row.import_id,
    sessions.id AS session_id,
    stage_row.stage,
    stages.position,
    stage_row.error_message,
    stage_row.retry_count
FROM session_processing_status AS stage_row
JOIN processing_stages AS stages ON stages.name = stage_row.stage
JOIN session_imports AS imports ON imports.id = stage_row.import_id
LEFT JOIN sessions ON sessions.import_id = stage_row.import_id
WHERE
    stage_row.status = 'FAILED'
    AND (CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id)
    AND (CAST(:stage AS text) IS NULL OR stage_row.stage = :stage)
    AND (
        CAST(:after_id AS uuid) IS NULL
        OR (stage_row.import_id, stages.position) > (CAST(:after_id AS uuid), CAST(:after_position AS integer))
    )
ORDER BY stage_row.import_id, stages.position
LIMIT :chunk_size
