-- Deletes the words of messages; that there was a message, whose and when, stays.
UPDATE messages
SET content = NULL
FROM scratch_prunable_sessions
WHERE
    messages.session_id = scratch_prunable_sessions.session_id
    AND messages.content IS NOT NULL
    AND scratch_prunable_sessions.prunes_messages
