-- Requests that ended per UTC day, by how: what was put back to wait counts on the day on which it ends again.
SELECT
    CAST(requests.completed_at AT TIME ZONE 'UTC' AS date) AS entry_day,
    count(*) FILTER (WHERE requests.processing_status = 'PROCESSING_COMPLETE') AS completed,
    count(*) FILTER (WHERE requests.processing_status = 'PROCESSING_FAILED') AS failed
FROM ai_processing_requests AS requests
WHERE requests.completed_at >= :since AND requests.completed_at < :until
GROUP BY 1
