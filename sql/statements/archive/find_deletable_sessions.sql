-- Sessions of a group whose texts a part holds and nobody has deleted yet.
SELECT archived_sessions.import_id
FROM archived_sessions
WHERE
    archived_sessions.part_id = :part_id
    AND archived_sessions.import_id = ANY(CAST(:import_ids AS uuid[]))
    AND archived_sessions.texts_deleted_at IS NULL
    AND NOT archived_sessions.is_outdated
