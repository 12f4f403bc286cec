-- Every submitted id ends in one outcome: those without a line get the outcome that the batch's end implies.
INSERT INTO scratch_results (request_id, outcome, counted_release, error_code, error_message)
SELECT
    attempts.request_id,
    :outcome,
    :counted_release,
    :error_code,
    :error_message
FROM ai_request_attempts AS attempts
WHERE
    attempts.batch_id = :batch_id
    AND attempts.outcome IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM scratch_results
        WHERE scratch_results.request_id = attempts.request_id
    )
