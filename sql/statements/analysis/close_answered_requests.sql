-- Unclaimed requests about messages that an earlier request has been answered about; nothing was bought for them.
UPDATE ai_processing_requests
SET
    processing_status = 'PROCESSING_FAILED',
    error_code = 'answered_before',
    error_message = :reason,
    completed_at = :now,
    updated_at = :now
WHERE id = ANY(CAST(:request_ids AS uuid[])) AND processing_status = 'PENDING_BATCHING'
