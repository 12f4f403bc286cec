-- Requests of a settled batch that were given up for want of a line that can be read, locked after their sessions and in id
-- order, as everybody locks them.
WITH given_up AS (
    SELECT attempts.request_id
    FROM ai_request_attempts AS attempts
    WHERE
        attempts.batch_id = :batch_id
        AND (attempts.outcome IN ('missing', 'artifact_unavailable') OR attempts.error_code = 'unreadable_line')
        AND NOT attempts.is_late
),

locked_sessions AS MATERIALIZED (
    SELECT sessions.id
    FROM sessions
    JOIN ai_processing_requests AS requests ON requests.session_id = sessions.id
    JOIN given_up ON given_up.request_id = requests.id
    ORDER BY sessions.id
    FOR NO KEY UPDATE OF sessions
)

SELECT
    requests.id,
    requests.session_id
FROM ai_processing_requests AS requests
JOIN given_up ON given_up.request_id = requests.id
JOIN locked_sessions ON locked_sessions.id = requests.session_id
ORDER BY requests.id
FOR UPDATE OF requests
