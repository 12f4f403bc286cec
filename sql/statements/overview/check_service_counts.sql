-- Batches whose counts at the service differ from what their files held.
SELECT
    batches.id AS batch_id,
    batches.openai_batch_id,
    batches.reported_completed,
    batches.lines_succeeded,
    batches.reported_total,
    batches.request_count
FROM ai_batch_requests AS batches
WHERE
    batches.processed_at IS NOT NULL
    AND batches.openai_batch_id IS NOT NULL
    AND (
        batches.reported_completed IS DISTINCT FROM batches.lines_succeeded
        OR (batches.reported_total > 0 AND batches.reported_total <> batches.request_count)
    )
ORDER BY batches.id DESC
LIMIT 1000
