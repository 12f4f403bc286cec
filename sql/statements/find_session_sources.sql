-- What sessions are made from: the rows of some imports, and their transcripts.
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
    transcripts.sha256 AS transcript_sha256,
    transcripts.content
FROM session_imports AS imports
LEFT JOIN transcripts ON transcripts.import_id = imports.id
WHERE imports.id = ANY(CAST(:import_ids AS uuid[]))
ORDER BY imports.id
