-- All requests of some sessions, locked: nobody reads their answers anew or settles a late one meanwhile.
SELECT requests.id
FROM ai_processing_requests AS requests
WHERE requests.session_id = ANY(CAST(:session_ids AS uuid[]))
ORDER BY requests.id
FOR UPDATE
