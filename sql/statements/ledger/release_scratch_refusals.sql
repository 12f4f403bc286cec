-- Refusals that no request is to blame for: their requests wait again, and nothing is used up.
-- Compared as plain equalities, for which Postgres hashes; a code or a message is never the empty string.
UPDATE scratch_results
SET outcome = 'not_run', counted_release = FALSE
FROM unnest(CAST(:codes AS text[]), CAST(:messages AS text[])) AS said (code, message)
WHERE
    scratch_results.outcome = 'rejected'
    AND scratch_results.http_status IS NOT NULL
    AND coalesce(scratch_results.error_code, '') = coalesce(said.code, '')
    AND coalesce(scratch_results.error_message, '') = coalesce(said.message, '')
