-- Rows of `sessions.parquet`: some sessions in a given order. Neither addresses of people nor of transcripts: those stay here.
SELECT
    sessions.import_id::text AS import_id,
    sessions.id::text AS session_id,
    companies.slug AS company,
    imports.external_session_id,
    imports.source,
    sessions.start_time,
    sessions.end_time,
    sessions.duration_seconds,
    sessions.messages_sent,
    sessions.avg_response_time,
    sessions.country,
    sessions.language,
    sessions.sentiment,
    sessions.escalated,
    sessions.forwarded_hr,
    sessions.category,
    sessions.summary,
    sessions.analysed_at,
    imports.content_hash AS row_hash,
    sessions.row_hash AS derived_row_hash,
    sessions.transcript_hash,
    sessions.transcript_sha256 AS derived_transcript_sha256,
    transcripts.sha256 AS transcript_sha256,
    transcripts.status AS transcript_status,
    transcripts.content AS transcript,
    sessions.initial_msg,
    imports.initial_message,
    imports.unread::text AS unread,
    imports.extra::text AS extra
FROM unnest(CAST(:session_ids AS uuid[])) WITH ORDINALITY AS wanted (session_id, place)
JOIN sessions ON sessions.id = wanted.session_id
JOIN session_imports AS imports ON imports.id = sessions.import_id
JOIN companies ON companies.id = sessions.company_id
LEFT JOIN transcripts ON transcripts.import_id = sessions.import_id
ORDER BY wanted.place
