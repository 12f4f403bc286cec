-- Messages of some sessions, grouped by session and in their order; none of those that were deleted.
SELECT
    messages.session_id,
    messages.role,
    messages.content,
    messages.sent_at
FROM messages
WHERE messages.session_id = ANY(CAST(:session_ids AS uuid[])) AND messages.content IS NOT NULL
ORDER BY messages.session_id, messages.position
