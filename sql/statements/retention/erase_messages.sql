UPDATE messages
SET content = NULL
FROM scratch_erased_sessions
WHERE messages.session_id = scratch_erased_sessions.session_id AND messages.content IS NOT NULL
