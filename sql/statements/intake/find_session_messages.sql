-- Messages of some sessions, a row for each session that has any, in their order; none of those that were deleted.
SELECT
    asked.session_id,
    said.roles,
    said.contents,
    said.times
FROM unnest(CAST(:session_ids AS uuid[])) AS asked (session_id)
CROSS JOIN
    LATERAL (
        SELECT
            array_agg(messages.role ORDER BY messages.position) AS roles,
            array_agg(messages.content ORDER BY messages.position) AS contents,
            array_agg(messages.sent_at ORDER BY messages.position) AS times
        FROM messages
        WHERE messages.session_id = asked.session_id AND messages.content IS NOT NULL
    ) AS said
WHERE said.roles IS NOT NULL
