-- Requests of a settled batch that were given up for want of a line that can be read, locked after their subjects and in id
-- order, as everybody locks them.
SELECT
    requests.id,
    requests.subject_id
FROM ai_processing_requests AS requests
JOIN ai_request_attempts AS attempts ON attempts.request_id = requests.id
WHERE
    attempts.batch_id = :batch_id
    AND (attempts.outcome IN ('missing', 'artifact_unavailable') OR attempts.error_code = 'unreadable_line')
    AND NOT attempts.is_late
ORDER BY requests.id
FOR UPDATE OF requests
