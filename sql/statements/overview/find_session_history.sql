-- One session by its own id or by that of its import. Before SESSION_CREATION there is only the import.
SELECT
    imports.id AS import_id,
    sessions.id AS session_id,
    companies.slug AS company,
    imports.external_session_id,
    imports.source,
    imports.erased_at,
    imports.unread,
    coalesce(sessions.start_time, imports.start_time) AS start_time,
    coalesce(sessions.end_time, imports.end_time) AS end_time,
    sessions.duration_seconds,
    coalesce(sessions.country, imports.country) AS country,
    coalesce(sessions.messages_sent, imports.messages_sent) AS messages_sent,
    sessions.avg_response_time,
    sessions.language,
    sessions.sentiment,
    sessions.escalated,
    sessions.forwarded_hr,
    sessions.category,
    sessions.analysed_at,
    sessions.stale,
    imports.created_at,
    imports.updated_at,
    transcripts.status AS transcript_status,
    octet_length(transcripts.content) AS transcript_bytes,
    transcripts.fetched_at AS transcript_fetched_at,
    transcripts.error_code AS transcript_error_code,
    transcripts.error_message AS transcript_error_message,
    transcripts.attempts AS transcript_attempts,
    transcripts.next_attempt_at AS transcript_next_attempt_at,
    (
        SELECT count(*) FROM messages
        WHERE messages.session_id = sessions.id
    ) AS messages,
    (
        SELECT count(*) FROM session_questions
        WHERE session_questions.session_id = sessions.id
    ) AS questions
FROM session_imports AS imports
JOIN companies ON companies.id = imports.company_id
LEFT JOIN sessions ON sessions.import_id = imports.id
LEFT JOIN transcripts ON transcripts.import_id = imports.id
-- An array, so that the import is found by its index; with OR, all imports are looked through.
WHERE
    imports.id = ANY(
        ARRAY[cast(:id AS uuid)] || ARRAY(
            SELECT named.import_id FROM sessions AS named
            WHERE named.id = :id
        )
    )
ORDER BY imports.id
LIMIT 1
