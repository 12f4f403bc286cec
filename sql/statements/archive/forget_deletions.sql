-- Texts that are back are not deleted by the archive any more: who deletes them next says so anew.
UPDATE archived_sessions
SET texts_deleted_at = NULL
WHERE archived_sessions.part_id = :part_id AND archived_sessions.import_id = ANY(CAST(:import_ids AS uuid[]))
