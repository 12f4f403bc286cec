-- What the lines of a batch's input file are built from, in id order, messages in theirs.
SELECT
    requests.id AS request_id,
    requests.session_id,
    requests.transcript_hash,
    messages.role,
    messages.content,
    messages.sent_at
FROM ai_processing_requests AS requests
JOIN messages ON messages.session_id = requests.session_id
WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
ORDER BY requests.id, messages.position
