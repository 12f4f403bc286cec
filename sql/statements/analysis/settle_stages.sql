-- Stages of a batch's requests that ended without an answer: failed ones say why, released ones wait again. An answer about
-- messages that the session no longer has leaves the analysis waiting for the new ones.
UPDATE session_processing_status AS stage_row
SET
    status = CASE requests.processing_status WHEN 'PROCESSING_FAILED' THEN 'FAILED' ELSE 'PENDING' END,
    error_message = CASE
        WHEN requests.processing_status = 'PROCESSING_FAILED'
            THEN requests.error_code || coalesce(': ' || requests.error_message, '')
    END,
    retry_count = stage_row.retry_count
    + CASE requests.processing_status WHEN 'PROCESSING_FAILED' THEN 1 ELSE 0 END,
    started_at = CASE WHEN requests.processing_status = 'PROCESSING_FAILED' THEN stage_row.started_at END,
    completed_at = CASE
        WHEN requests.processing_status = 'PROCESSING_FAILED'
            THEN greatest(CAST(:now AS timestamptz), stage_row.started_at)
    END
FROM ai_request_attempts AS attempts
JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
JOIN sessions ON sessions.id = requests.session_id
WHERE
    attempts.batch_id = :batch_id
    AND stage_row.import_id = sessions.import_id
    AND stage_row.stage = 'AI_ANALYSIS'
    AND stage_row.status = 'IN_PROGRESS'
    AND NOT EXISTS (
        SELECT 1 FROM scratch_answers
        WHERE scratch_answers.session_id = requests.session_id
    )
