-- Brings rows of the CSV in that another system had imported, and notes for each chat which row of ours it belongs to: a new one,
-- or the one with its external id that was there (unless its texts were deleted on request).
WITH added AS (
    INSERT INTO session_imports (
        id, company_id, external_session_id, start_time_raw, end_time_raw, ip_address, country_code, language,
        messages_sent, sentiment_raw, escalated_raw, forwarded_hr_raw, full_transcript_url, avg_response_time_seconds,
        tokens, tokens_eur, category, initial_message, start_time, end_time, country, language_code, sentiment_score,
        escalated, forwarded_hr, content_hash, legacy_id, created_at, updated_at
    )
    SELECT
        chats.import_id,
        :company_id,
        chats.external_session_id,
        chats.start_time_raw,
        chats.end_time_raw,
        chats.ip_address,
        chats.country_code,
        chats.language,
        chats.messages_sent,
        chats.sentiment_raw,
        chats.escalated_raw,
        chats.forwarded_hr_raw,
        chats.full_transcript_url,
        chats.avg_response_time_seconds,
        chats.tokens,
        chats.tokens_eur,
        chats.category,
        chats.initial_message,
        chats.start_time,
        chats.end_time,
        chats.country,
        chats.language_code,
        chats.sentiment_score,
        chats.escalated,
        chats.forwarded_hr,
        chats.content_hash,
        chats.import_legacy_id,
        coalesce(chats.imported_at, :now),
        coalesce(chats.imported_at, :now)
    FROM scratch_chats AS chats
    ORDER BY chats.chat
    ON CONFLICT DO NOTHING
    RETURNING id
)

INSERT INTO scratch_targets (chat, import_id, import_is_new)
SELECT
    chats.chat,
    added.id,
    TRUE
FROM added
JOIN scratch_chats AS chats ON chats.import_id = added.id
UNION ALL
SELECT
    chats.chat,
    known.id,
    FALSE
FROM scratch_chats AS chats
-- LATERAL with LIMIT: see find_due_transcripts.
JOIN LATERAL (
    SELECT
        imports.id,
        imports.erased_at
    FROM session_imports AS imports
    WHERE imports.company_id = :company_id AND imports.external_session_id = chats.external_session_id
    LIMIT 1
) AS known ON known.erased_at IS NULL
