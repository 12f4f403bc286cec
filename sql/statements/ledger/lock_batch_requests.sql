-- In id order, as everybody locks them: opposite orders deadlock.
SELECT count(*)
FROM (
    SELECT id
    FROM ai_processing_requests
    WHERE batch_id = :batch_id AND processing_status = 'BATCHING_IN_PROGRESS'
    ORDER BY id
    FOR UPDATE
) AS locked
