-- What has changed since it was summed: batches with their requests, and hours that are over. Oldest batches first.
SELECT
    marked.batch_id,
    marked.settled_hour,
    coalesce(batches.request_count, 0) AS entries
FROM (
    SELECT DISTINCT
        marks.batch_id,
        marks.settled_hour
    FROM spend_marks AS marks
    WHERE marks.batch_id IS NOT NULL OR marks.settled_hour < :before
) AS marked
LEFT JOIN ai_batch_requests AS batches ON batches.id = marked.batch_id
ORDER BY marked.batch_id, marked.settled_hour
LIMIT :most
