-- Unclaimed requests whose input is no longer the current one: other messages, another prompt, or another model.
SELECT
    requests.id AS request_id,
    requests.session_id,
    sessions.transcript_hash
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE
    requests.company_id = :company_id
    AND requests.id > :after_id
    AND requests.processing_type = 'session_analysis'
    AND requests.processing_status = 'PENDING_BATCHING'
    AND NOT sessions.stale
    AND (
        requests.transcript_hash IS DISTINCT FROM sessions.transcript_hash
        OR requests.prompt_version <> :prompt_version
        OR requests.model <> :model
    )
ORDER BY requests.id
LIMIT :chunk_size
FOR UPDATE OF requests SKIP LOCKED
