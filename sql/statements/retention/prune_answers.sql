-- Deletes what the model answered; outcome, tokens, cost and what the session says of it stay.
UPDATE ai_processing_requests AS requests
SET raw_answer = NULL, parsed_answer = NULL, updated_at = :now
FROM scratch_prunable_sessions
WHERE
    requests.session_id = scratch_prunable_sessions.session_id
    AND requests.processing_status IN ('PROCESSING_COMPLETE', 'PROCESSING_FAILED')
    AND (requests.raw_answer IS NOT NULL OR requests.parsed_answer IS NOT NULL)
    AND scratch_prunable_sessions.prunes_answers
