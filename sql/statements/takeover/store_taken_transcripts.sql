-- Transcripts of chats that are new here; one that was fetched here stays.
INSERT INTO transcripts (import_id, url, row_hash, status, content, sha256, fetched_at, updated_at)
SELECT
    targets.import_id,
    coalesce(chats.full_transcript_url, ''),
    chats.content_hash,
    chats.transcript_status,
    chats.content,
    chats.transcript_sha256,
    coalesce(chats.imported_at, :now),
    :now
FROM scratch_chats AS chats
JOIN scratch_targets AS targets ON targets.chat = chats.chat
WHERE chats.transcript_status IS NOT NULL AND (targets.import_is_new OR targets.session_is_new)
ORDER BY targets.import_id
ON CONFLICT (import_id) DO NOTHING
