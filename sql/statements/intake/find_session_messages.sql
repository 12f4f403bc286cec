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
            array_agg(in_order.role) AS roles,
            array_agg(in_order.content) AS contents,
            array_agg(in_order.sent_at) AS times
        FROM (
            SELECT
                messages.role,
                messages.content,
                messages.sent_at
            FROM messages
            WHERE messages.session_id = asked.session_id AND messages.content IS NOT NULL
            ORDER BY messages.position
        ) AS in_order
    ) AS said
WHERE said.roles IS NOT NULL
