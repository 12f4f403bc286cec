-- Makes the sessions of moved chats, with their analysis, where their import has none; the others keep theirs.
WITH added AS (
    INSERT INTO sessions (
        id, company_id, import_id, start_time, end_time, ip_address, country, full_transcript_url, avg_response_time,
        initial_msg, messages_sent, duration_seconds, language, sentiment, escalated, forwarded_hr, category, summary,
        row_hash, transcript_sha256, transcript_hash, legacy_id, analysed_at, created_at, updated_at
    )
    SELECT
        chats.session_id,
        :company_id,
        targets.import_id,
        chats.session_start_time,
        chats.session_end_time,
        chats.session_ip_address,
        chats.session_country,
        chats.session_transcript_url,
        chats.session_response_time,
        chats.session_initial_msg,
        chats.session_messages_sent,
        chats.session_duration_seconds,
        chats.analysis_language,
        chats.analysis_sentiment,
        chats.analysis_escalated,
        chats.analysis_forwarded_hr,
        chats.analysis_category,
        chats.analysis_summary,
        chats.content_hash,
        chats.transcript_sha256,
        chats.transcript_hash,
        chats.session_legacy_id,
        chats.analysed_at,
        coalesce(chats.session_created_at, :now),
        coalesce(chats.session_updated_at, chats.session_created_at, :now)
    FROM scratch_chats AS chats
    JOIN scratch_targets AS targets ON targets.chat = chats.chat
    WHERE chats.session_id IS NOT NULL
    ORDER BY chats.chat
    ON CONFLICT DO NOTHING
    RETURNING id, import_id
),

found AS (
    SELECT
        targets.chat,
        added.id,
        TRUE AS is_new
    FROM added
    JOIN scratch_targets AS targets ON targets.import_id = added.import_id
    UNION ALL
    SELECT
        targets.chat,
        known.id,
        FALSE
    FROM scratch_targets AS targets
    JOIN LATERAL (
        SELECT sessions.id
        FROM sessions
        WHERE sessions.import_id = targets.import_id
        LIMIT 1
    ) AS known ON TRUE
)

UPDATE scratch_targets AS targets
SET session_id = found.id, session_is_new = found.is_new, takes_analysis = found.is_new
FROM found
WHERE found.chat = targets.chat
