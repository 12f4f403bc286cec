-- The analysis of sessions whose failed requests were requeued.
UPDATE session_processing_status AS stage_row
SET status = 'PENDING', error_message = NULL, started_at = NULL, completed_at = NULL
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE
    requests.id = ANY(CAST(:request_ids AS uuid[]))
    AND stage_row.import_id = sessions.import_id
    AND stage_row.stage = 'AI_ANALYSIS'
    AND stage_row.status = 'FAILED'
