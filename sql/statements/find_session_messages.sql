-- Messages of some sessions, grouped by session and in their order.
SELECT
    messages.session_id,
    messages.role,
    messages.content,
    messages.sent_at
FROM messages
WHERE messages.session_id = ANY(CAST(:session_ids AS uuid[]))
ORDER BY messages.session_id, messages.position
