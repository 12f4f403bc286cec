-- Open requests of some sessions, locked: a claim that is under way is waited for, and one that comes later skips them.
SELECT
    requests.session_id,
    requests.processing_status
FROM ai_processing_requests AS requests
WHERE
    requests.subject_id = ANY(CAST(:session_ids AS uuid[]))
    AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
ORDER BY requests.id
FOR UPDATE
