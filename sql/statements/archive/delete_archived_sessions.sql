DELETE FROM archived_sessions
WHERE archived_sessions.part_id = :part_id
