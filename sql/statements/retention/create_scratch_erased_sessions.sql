-- The imports that one transaction erases, with the sessions that were made of them.
CREATE TEMPORARY TABLE scratch_erased_sessions ON COMMIT DROP AS
SELECT
    imports.id AS import_id,
    sessions.id AS session_id
FROM session_imports AS imports
LEFT JOIN sessions ON sessions.import_id = imports.id
WHERE imports.id = ANY(CAST(:import_ids AS uuid[]))
