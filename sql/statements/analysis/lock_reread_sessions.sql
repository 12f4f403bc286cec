-- Sessions before requests, in id order, as settlement locks them.
SELECT count(*)
FROM (
    SELECT sessions.id
    FROM sessions
    WHERE
        sessions.id IN (
            SELECT requests.session_id FROM ai_processing_requests AS requests
            WHERE requests.id = ANY(CAST(:request_ids AS uuid[]))
        )
    ORDER BY sessions.id
    FOR NO KEY UPDATE
) AS locked
