-- Unclaimed requests about sessions that have no message any more; nothing was bought for them.
UPDATE ai_processing_requests AS requests
SET
    processing_status = 'PROCESSING_FAILED',
    error_code = 'no_messages',
    error_message = :reason,
    completed_at = :now,
    updated_at = :now
FROM sessions
WHERE
    requests.id = ANY(CAST(:request_ids AS uuid[]))
    AND requests.processing_status = 'PENDING_BATCHING'
    AND sessions.id = requests.session_id
    AND NOT EXISTS (
        SELECT 1 FROM messages
        WHERE messages.session_id = sessions.id
    )
RETURNING sessions.import_id
