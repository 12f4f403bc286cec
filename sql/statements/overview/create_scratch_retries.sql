-- Whose stage is to be tried again: sessions named by their own id or by that of their import, or all that a filter names. An
-- id that names nothing stays with an empty import.
CREATE TEMPORARY TABLE scratch_retries ON COMMIT DROP AS
SELECT
    given.id AS given_id,
    imports.id AS import_id,
    sessions.id AS session_id
FROM (
    SELECT DISTINCT listed.id
    FROM unnest(CAST(:ids AS uuid[])) AS listed (id)
    UNION ALL
    SELECT stage_row.import_id
    FROM session_processing_status AS stage_row
    JOIN session_imports ON session_imports.id = stage_row.import_id
    WHERE
        :filtered
        AND stage_row.stage = :stage
        AND stage_row.status = ANY(CAST(:statuses AS text[]))
        AND (CAST(:company_id AS uuid) IS NULL OR session_imports.company_id = :company_id)
) AS given
LEFT JOIN sessions AS named ON named.id = given.id
LEFT JOIN session_imports AS imports ON imports.id = coalesce(named.import_id, given.id)
LEFT JOIN sessions ON sessions.import_id = imports.id
