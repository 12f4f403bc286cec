-- Refusals that no request is to blame for: their requests wait again, and nothing is used up.
UPDATE staged_results
SET outcome = 'not_run', counted_release = false
FROM unnest(CAST(:codes AS text[]), CAST(:messages AS text[])) AS said (code, message)
WHERE
    staged_results.outcome = 'rejected'
    AND staged_results.error_code IS NOT DISTINCT FROM said.code
    AND staged_results.error_message IS NOT DISTINCT FROM said.message
