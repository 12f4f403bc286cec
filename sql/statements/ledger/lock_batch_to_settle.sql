-- A batch is settled once, by whoever gets this lock, and only after its end; everybody else sees no row.
SELECT
    id,
    company_id,
    processing_type,
    status,
    openai_status AS remote_status,
    error_code,
    error_message,
    cancel_requested_at,
    cancel_unfinished
FROM ai_batch_requests
WHERE id = :batch_id AND processed_at IS NULL AND status = ANY(:ended_batches)
FOR UPDATE SKIP LOCKED
