-- Sessions before requests, in id order, as derivation locks them: the other way round the two deadlock.
SELECT count(*)
FROM (
    SELECT sessions.id
    FROM sessions
    JOIN ai_processing_requests AS requests ON requests.session_id = sessions.id
    WHERE requests.batch_id = :batch_id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
    ORDER BY sessions.id
    FOR NO KEY UPDATE OF sessions
) AS locked
