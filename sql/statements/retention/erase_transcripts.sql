-- Every erased import gets a row that says PRUNED, also where nothing was fetched: neither is it fetched later or derived from
-- its row alone, and a fetch that is under way meets it. Address, ETag and message go with the text, also of one that was deleted
-- by age before.
INSERT INTO transcripts AS known (import_id, url, row_hash, status, updated_at)
SELECT
    imports.id,
    '',
    imports.content_hash,
    'PRUNED',
    :now
FROM scratch_erased_sessions
JOIN session_imports AS imports ON imports.id = scratch_erased_sessions.import_id
ORDER BY imports.id
ON CONFLICT (import_id) DO UPDATE
    SET
        status = 'PRUNED',
        url = '',
        content = NULL,
        etag = NULL,
        error_message = NULL,
        next_attempt_at = NULL,
        updated_at = excluded.updated_at
