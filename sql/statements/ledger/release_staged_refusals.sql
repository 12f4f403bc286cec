-- Refusals that no request is to blame for: their requests wait again, and nothing is used up.
-- Compared as plain equalities, for which Postgres hashes; a code or a message is never the empty string.
UPDATE staged_results
SET outcome = 'not_run', counted_release = FALSE
FROM unnest(CAST(:codes AS text[]), CAST(:messages AS text[])) AS said (code, message)
WHERE
    staged_results.outcome = 'rejected'
    AND staged_results.http_status IS NOT NULL
    AND coalesce(staged_results.error_code, '') = coalesce(said.code, '')
    AND coalesce(staged_results.error_message, '') = coalesce(said.message, '')
