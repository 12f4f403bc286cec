-- Deletes the first message of a chat where row and session quote it.
WITH emptied AS (
    UPDATE sessions
    SET initial_msg = NULL, updated_at = :now
    FROM prunable_sessions
    WHERE
        sessions.id = prunable_sessions.session_id
        AND sessions.initial_msg IS NOT NULL
        AND prunable_sessions.prunes_messages
)

UPDATE session_imports
SET initial_message = NULL, updated_at = :now
FROM prunable_sessions
WHERE
    session_imports.id = prunable_sessions.import_id
    AND session_imports.initial_message IS NOT NULL
    AND prunable_sessions.prunes_messages
