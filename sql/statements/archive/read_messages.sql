-- Rows of `messages.parquet`.
SELECT
    messages.session_id::text AS session_id,
    messages.position,
    messages.role,
    messages.content,
    messages.sent_at
FROM unnest(CAST(:session_ids AS uuid[])) WITH ORDINALITY AS wanted (session_id, place)
JOIN messages ON messages.session_id = wanted.session_id
ORDER BY wanted.place, messages.position
