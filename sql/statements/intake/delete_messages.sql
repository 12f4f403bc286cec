-- Messages of sessions whose transcript says something else now.
DELETE FROM messages
WHERE messages.session_id = ANY(CAST(:session_ids AS uuid[]))
