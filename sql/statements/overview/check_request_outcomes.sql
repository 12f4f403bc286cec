-- Submitted requests that break the rule of one outcome: settled batches with open attempts, or states that do not fit.
SELECT
    attempts.request_id,
    attempts.batch_id,
    'no outcome in a settled batch' AS problem
FROM ai_request_attempts AS attempts
JOIN ai_batch_requests AS batches ON batches.id = attempts.batch_id
-- Without an outcome, and so without the time of one, which has an index.
WHERE batches.processed_at IS NOT NULL AND attempts.settled_at IS NULL
UNION ALL
SELECT
    requests.id,
    requests.batch_id,
    'in progress in a settled batch'
FROM ai_processing_requests AS requests
JOIN ai_batch_requests AS batches ON batches.id = requests.batch_id
WHERE requests.processing_status = 'BATCHING_IN_PROGRESS' AND batches.processed_at IS NOT NULL
UNION ALL
SELECT
    attempts.request_id,
    attempts.batch_id,
    'missing from both result files'
FROM ai_request_attempts AS attempts
JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
WHERE
    attempts.outcome = 'missing'
    AND requests.processing_status <> 'PROCESSING_COMPLETE'
    -- What showed late has an outcome of its own.
    AND NOT EXISTS (
        SELECT 1 FROM ai_request_attempts AS late
        WHERE late.request_id = attempts.request_id AND late.batch_id = attempts.batch_id AND late.is_late
    )
LIMIT 1000
