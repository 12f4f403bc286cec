-- Imports that wait at a stage and are ready for it: every earlier stage, by position, is COMPLETED or SKIPPED.
SELECT
    imports.id AS import_id,
    sessions.id AS session_id
FROM session_imports AS imports
JOIN processing_stages AS own ON own.name = :stage
LEFT JOIN session_processing_status AS stage_row ON stage_row.import_id = imports.id AND stage_row.stage = own.name
LEFT JOIN sessions ON sessions.import_id = imports.id
WHERE
    imports.id > :after_id
    AND (CAST(:company_id AS uuid) IS NULL OR imports.company_id = :company_id)
    AND coalesce(stage_row.status, 'PENDING') = 'PENDING'
    AND NOT EXISTS (
        SELECT 1
        FROM processing_stages AS earlier
        LEFT JOIN session_processing_status AS before ON before.import_id = imports.id AND before.stage = earlier.name
        WHERE
            earlier.position < own.position
            AND coalesce(before.status, 'PENDING') NOT IN ('COMPLETED', 'SKIPPED')
            -- Names the stage's own row, so that earlier ones are looked up for waiting imports alone.
            AND coalesce(stage_row.status, 'PENDING') = 'PENDING'
    )
ORDER BY imports.id
LIMIT :chunk_size
