-- Notes which texts were deleted because a part has them, and which sessions are not any more what the part says.
UPDATE archived_sessions
SET
    texts_deleted_at = CASE
        WHEN archived_sessions.import_id = ANY(CAST(:deleted_ids AS uuid[])) THEN :now ELSE archived_sessions.texts_deleted_at
    END,
    is_outdated = archived_sessions.is_outdated OR archived_sessions.import_id = ANY(CAST(:changed_ids AS uuid[]))
WHERE
    archived_sessions.part_id = :part_id
    AND archived_sessions.import_id = ANY(CAST(:deleted_ids AS uuid[]) || CAST(:changed_ids AS uuid[]))
