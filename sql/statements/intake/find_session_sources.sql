-- What sessions are made from: the rows of some imports, and their transcripts; not those whose texts were deleted since they
-- were found to be due. Without its text a transcript is known by the hash of it.
SELECT
    imports.id AS import_id,
    imports.content_hash AS row_hash,
    imports.start_time,
    imports.end_time,
    imports.ip_address,
    imports.country,
    imports.full_transcript_url,
    imports.avg_response_time_seconds AS avg_response_time,
    imports.initial_message AS initial_msg,
    imports.messages_sent,
    transcripts.url AS transcript_url,
    transcripts.sha256 AS transcript_sha256,
    CASE WHEN :with_content THEN transcripts.content END AS content
FROM session_imports AS imports
LEFT JOIN transcripts ON transcripts.import_id = imports.id
WHERE
    imports.id = ANY(CAST(:import_ids AS uuid[]))
    AND transcripts.status IS DISTINCT FROM 'PRUNED'
    AND NOT EXISTS (
        SELECT 1
        FROM sessions
        JOIN messages ON messages.session_id = sessions.id
        WHERE sessions.import_id = imports.id AND messages.content IS NULL
    )
ORDER BY imports.id
