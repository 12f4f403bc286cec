-- What the lines of a batch are built from, in id order, a row for each request with its messages in their order. One whose
-- session has lost its messages is not left out: it must not go missing from the file unnoticed.
SELECT
    requests.id AS request_id,
    requests.session_id,
    requests.input_hash,
    said.roles,
    said.contents,
    said.times
FROM ai_processing_requests AS requests
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
            WHERE messages.session_id = requests.session_id
            ORDER BY messages.position
        ) AS in_order
    ) AS said
WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
ORDER BY requests.id
