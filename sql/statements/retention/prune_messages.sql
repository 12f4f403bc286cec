-- Deletes the words of messages; that there was a message, whose and when, stays.
UPDATE messages
SET content = NULL
FROM prunable_sessions
WHERE
    messages.session_id = prunable_sessions.session_id
    AND messages.content IS NOT NULL
    AND prunable_sessions.prunes_messages
