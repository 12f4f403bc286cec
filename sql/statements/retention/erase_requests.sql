-- Answers go, and so does what the service said when it refused, which may quote the chat. What waits fails before it is
-- bought; what is at the service stays in progress until its batch is settled.
UPDATE ai_processing_requests AS requests
SET
    processing_status = CASE requests.processing_status
        WHEN 'PENDING_BATCHING' THEN 'PROCESSING_FAILED' ELSE requests.processing_status
    END,
    error_code = CASE requests.processing_status WHEN 'PENDING_BATCHING' THEN 'erased' ELSE requests.error_code END,
    error_message = CASE
        WHEN requests.processing_status = 'PENDING_BATCHING' OR requests.error_code = 'erased' THEN CAST(:reason AS text)
    END,
    completed_at = CASE requests.processing_status
        WHEN 'PENDING_BATCHING' THEN greatest(CAST(:now AS timestamptz), requests.requested_at)
        ELSE requests.completed_at
    END,
    raw_answer = NULL,
    parsed_answer = NULL,
    updated_at = :now
FROM scratch_erased_sessions
WHERE requests.session_id = scratch_erased_sessions.session_id
