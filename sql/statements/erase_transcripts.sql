-- Every erased import gets a row that says PRUNED, also where nothing was fetched: neither is it fetched later or derived from
-- its row alone, and a fetch that is under way meets it.
INSERT INTO transcripts AS known (import_id, url, row_hash, status, updated_at)
SELECT
    imports.id,
    coalesce(imports.full_transcript_url, ''),
    imports.content_hash,
    'PRUNED',
    :now
FROM erased_sessions
JOIN session_imports AS imports ON imports.id = erased_sessions.import_id
ORDER BY imports.id
ON CONFLICT (import_id) DO UPDATE
    SET status = 'PRUNED', content = NULL, next_attempt_at = NULL, updated_at = excluded.updated_at
    WHERE known.status <> 'PRUNED'
