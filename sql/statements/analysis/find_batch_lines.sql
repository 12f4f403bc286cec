-- What the lines of a batch's input file are built from, in id order, messages in theirs. A request whose session has lost
-- its messages is not left out: it must not go missing from the file unnoticed.
SELECT
    requests.id AS request_id,
    requests.session_id,
    requests.input_hash,
    messages.role,
    messages.content,
    messages.sent_at
FROM ai_processing_requests AS requests
LEFT JOIN messages ON messages.session_id = requests.session_id
WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
ORDER BY requests.id, messages.position
