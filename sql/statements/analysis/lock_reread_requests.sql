-- In id order, as everybody locks them: opposite orders deadlock.
SELECT count(*)
FROM (
    SELECT id
    FROM ai_processing_requests
    WHERE id = ANY(CAST(:request_ids AS uuid[])) AND processing_status = :status
    ORDER BY id
    FOR UPDATE
) AS locked
