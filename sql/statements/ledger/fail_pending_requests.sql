-- Fails pending requests, each for its own reason, before anything is bought for them.
UPDATE ai_processing_requests AS requests
SET
    processing_status = 'PROCESSING_FAILED',
    error_code = :error_code,
    error_message = given.reason,
    completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
    updated_at = :now
FROM unnest(CAST(:request_ids AS uuid[]), CAST(:reasons AS text[])) AS given (id, reason)
WHERE requests.id = given.id AND requests.processing_status = 'PENDING_BATCHING'
RETURNING requests.id
