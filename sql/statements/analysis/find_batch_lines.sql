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
            array_agg(messages.role ORDER BY messages.position) AS roles,
            array_agg(messages.content ORDER BY messages.position) AS contents,
            array_agg(messages.sent_at ORDER BY messages.position) AS times
        FROM messages
        WHERE messages.session_id = requests.session_id
    ) AS said
WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
ORDER BY requests.id
