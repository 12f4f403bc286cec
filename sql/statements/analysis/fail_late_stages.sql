-- The analysis of sessions whose late answer is of no use: it was paid for, so a person decides. Not of one whose messages have
-- changed meanwhile: the answer is about others.
UPDATE session_processing_status AS stage_row
SET
    status = 'FAILED',
    error_message = requests.error_code || coalesce(': ' || requests.error_message, ''),
    retry_count = stage_row.retry_count + CASE stage_row.status WHEN 'FAILED' THEN 0 ELSE 1 END,
    completed_at = greatest(CAST(:now AS timestamptz), stage_row.started_at)
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE
    requests.id = ANY(CAST(:request_ids AS uuid[]))
    AND requests.transcript_hash = sessions.transcript_hash
    AND stage_row.import_id = sessions.import_id
    AND stage_row.stage = 'AI_ANALYSIS'
    AND stage_row.status IN ('PENDING', 'FAILED')
