-- Unclaimed requests about sessions that the old system has analysed, or has in a batch; nothing was bought for them.
UPDATE ai_processing_requests AS requests
SET
    processing_status = 'PROCESSING_FAILED',
    error_code = 'answered_before',
    error_message = :reason,
    completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
    updated_at = :now
FROM scratch_targets AS targets
JOIN scratch_stages AS offered
    ON offered.chat = targets.chat AND offered.stage = 'AI_ANALYSIS' AND offered.status <> 'PENDING'
WHERE
    requests.session_id = targets.session_id
    AND targets.takes_analysis
    AND NOT targets.session_is_new
    AND requests.processing_status = 'PENDING_BATCHING'
