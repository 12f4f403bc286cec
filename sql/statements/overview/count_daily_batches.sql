-- Batches that the service took per UTC day. No batch is taken before it is made, nor days later, so the index by the time of its
-- making finds them.
SELECT
    CAST(batches.submitted_at AT TIME ZONE 'UTC' AS date) AS entry_day,
    count(*) AS batches
FROM ai_batch_requests AS batches
WHERE
    batches.created_at >= CAST(:since AS timestamptz) - interval '7 days'
    AND batches.submitted_at >= :since
    AND batches.submitted_at < :until
GROUP BY 1
