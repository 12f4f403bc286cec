UPDATE messages
SET content = NULL
FROM erased_sessions
WHERE messages.session_id = erased_sessions.session_id AND messages.content IS NOT NULL
