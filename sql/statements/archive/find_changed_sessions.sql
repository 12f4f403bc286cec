-- Sessions of the group whose texts or hashes here are not to the letter what the files have.
SELECT kept.session_id
FROM scratch_copies AS kept
LEFT JOIN sessions ON sessions.id = kept.session_id AND sessions.import_id = kept.import_id
LEFT JOIN session_imports AS imports ON imports.id = kept.import_id
LEFT JOIN transcripts ON transcripts.import_id = kept.import_id
WHERE
    (
        sessions.id, imports.content_hash, sessions.transcript_hash, transcripts.sha256, transcripts.content,
        sessions.initial_msg, imports.initial_message, imports.unread::text, imports.extra::text
    ) IS DISTINCT FROM (
        kept.session_id, kept.row_hash, kept.transcript_hash, kept.transcript_sha256, kept.transcript,
        kept.initial_msg, kept.initial_message, kept.unread, kept.extra
    )
UNION
SELECT coalesce(here.session_id, kept.session_id) AS session_id
FROM (
    SELECT messages.*
    FROM messages
    WHERE messages.session_id = ANY(CAST(:session_ids AS uuid[]))
) AS here
FULL JOIN scratch_message_copies AS kept ON kept.session_id = here.session_id AND kept.position = here.position
WHERE
    (here.session_id, here.role, here.content, here.sent_at)
    IS DISTINCT FROM (kept.session_id, kept.role, kept.content, kept.sent_at)
UNION
SELECT coalesce(here.session_id, kept.session_id) AS session_id
FROM (
    SELECT requests.*
    FROM ai_processing_requests AS requests
    WHERE requests.session_id = ANY(CAST(:session_ids AS uuid[]))
) AS here
FULL JOIN scratch_request_copies AS kept ON kept.id = here.id
WHERE
    (here.session_id, here.input_hash, here.raw_answer, here.parsed_answer::text)
    IS DISTINCT FROM (kept.session_id, kept.input_hash, kept.raw_answer, kept.parsed_answer)
