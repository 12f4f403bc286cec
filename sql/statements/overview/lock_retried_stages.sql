-- From here on nobody else moves these stages.
SELECT count(*)
FROM (
    SELECT stage_row.import_id
    FROM session_processing_status AS stage_row
    WHERE
        stage_row.stage = :stage
        AND stage_row.import_id IN (SELECT scratch_retries.import_id FROM scratch_retries)
    ORDER BY stage_row.import_id
    FOR UPDATE
) AS locked
