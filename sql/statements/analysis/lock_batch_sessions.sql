-- The sessions of all requests that were tried in a batch, before the requests, in id order, as derivation locks them: the other
-- way round the two deadlock.
SELECT count(*)
FROM (
    SELECT sessions.id
    FROM sessions
    JOIN ai_processing_requests AS requests ON requests.session_id = sessions.id
    JOIN ai_request_attempts AS attempts ON attempts.request_id = requests.id
    WHERE attempts.batch_id = :batch_id AND NOT attempts.is_late
    ORDER BY sessions.id
    FOR NO KEY UPDATE OF sessions
) AS locked
