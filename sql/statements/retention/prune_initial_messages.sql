-- Deletes the first message of a chat where row and session quote it, and what else of the row may be text.
WITH emptied AS (
    UPDATE sessions
    SET initial_msg = NULL, updated_at = :now
    FROM scratch_prunable_sessions
    WHERE
        sessions.id = scratch_prunable_sessions.session_id
        AND sessions.initial_msg IS NOT NULL
        AND scratch_prunable_sessions.prunes_messages
)

UPDATE session_imports
SET initial_message = NULL, unread = NULL, extra = NULL, updated_at = :now
FROM scratch_prunable_sessions
WHERE
    session_imports.id = scratch_prunable_sessions.import_id
    AND (
        session_imports.initial_message IS NOT NULL
        OR session_imports.unread IS NOT NULL
        OR session_imports.extra IS NOT NULL
    )
    AND scratch_prunable_sessions.prunes_messages
