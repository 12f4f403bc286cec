-- Of requests whose messages contradict their hash, those that would be claimed again just as they are: no newer messages, prompt
-- or model will change them.
SELECT requests.id
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE
    requests.id = ANY(CAST(:request_ids AS uuid[]))
    AND requests.processing_status = 'PENDING_BATCHING'
    AND requests.prompt_version = :prompt_version
    AND requests.transcript_hash = sessions.transcript_hash
    AND NOT sessions.stale
ORDER BY requests.id
FOR UPDATE OF requests
