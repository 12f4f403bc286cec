-- What decides whether sessions may be archived (`archive.rules.settled`), and the size of their texts in bytes; lengths are
-- known without unpacking a text.
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.company_id,
    sessions.start_time,
    sessions.stale AS is_stale,
    imports.erased_at IS NOT NULL AS is_erased,
    (
        SELECT array_agg(session_stages.status ORDER BY session_stages.position)
        FROM session_stages
        WHERE session_stages.import_id = sessions.import_id
    ) AS stages,
    EXISTS(
        SELECT 1 FROM ai_processing_requests AS requests
        WHERE
            requests.session_id = sessions.id
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    ) AS has_open_request,
    transcripts.next_attempt_at IS NOT NULL AS is_fetch_due,
    -- Of what was deleted nothing is derived any more.
    (sessions.row_hash <> imports.content_hash OR coalesce(sessions.transcript_sha256, '') <> coalesce(transcripts.sha256, ''))
    AND coalesce(transcripts.status, '') <> 'PRUNED'
    AND NOT coalesce(
        (
            SELECT messages.content IS NULL
            FROM messages
            WHERE messages.session_id = sessions.id
            ORDER BY messages.position
            LIMIT 1
        ), FALSE
    ) AS is_derivation_due,
    coalesce(octet_length(transcripts.content), 0)
    + coalesce(octet_length(imports.initial_message), 0)
    + coalesce(
        (
            SELECT sum(octet_length(messages.content))
            FROM messages
            WHERE messages.session_id = sessions.id
        ), 0
    )
    + coalesce(
        (
            SELECT sum(octet_length(requests.raw_answer)) * 2
            FROM ai_processing_requests AS requests
            WHERE requests.session_id = sessions.id
        ), 0
    ) AS text_bytes,
    EXISTS(
        SELECT 1 FROM archived_sessions
        WHERE archived_sessions.import_id = sessions.import_id AND NOT archived_sessions.is_outdated
    ) AS is_archived
FROM sessions
JOIN session_imports AS imports ON imports.id = sessions.import_id
LEFT JOIN transcripts ON transcripts.import_id = sessions.import_id
