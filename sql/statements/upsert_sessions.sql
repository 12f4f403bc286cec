-- Writes the columns that follow from row and messages; those of the analysis stay until a new answer comes.
INSERT INTO sessions (
    company_id, import_id, start_time, end_time, ip_address, country, full_transcript_url, avg_response_time, initial_msg,
    messages_sent, duration_seconds, row_hash, transcript_sha256, transcript_hash, stale, created_at, updated_at
)
SELECT
    :company_id,
    incoming.import_id,
    incoming.start_time,
    incoming.end_time,
    incoming.ip_address,
    incoming.country,
    incoming.full_transcript_url,
    incoming.avg_response_time,
    incoming.initial_msg,
    incoming.messages_sent,
    incoming.duration_seconds,
    incoming.row_hash,
    incoming.transcript_sha256,
    incoming.transcript_hash,
    false,
    :now,
    :now
FROM
    unnest(
        CAST(:import_ids AS uuid[]),
        CAST(:start_times AS timestamptz[]),
        CAST(:end_times AS timestamptz[]),
        CAST(:ip_addresses AS text[]),
        CAST(:countries AS text[]),
        CAST(:full_transcript_urls AS text[]),
        CAST(:avg_response_times AS numeric[]),
        CAST(:initial_msgs AS text[]),
        CAST(:message_counts AS integer[]),
        CAST(:durations AS integer[]),
        CAST(:row_hashes AS text[]),
        CAST(:transcript_sha256s AS text[]),
        CAST(:transcript_hashes AS text[])
    ) AS incoming (
        import_id, start_time, end_time, ip_address, country, full_transcript_url, avg_response_time, initial_msg,
        messages_sent, duration_seconds, row_hash, transcript_sha256, transcript_hash
    )
ON CONFLICT (import_id) DO UPDATE
SET
    start_time = excluded.start_time,
    end_time = excluded.end_time,
    ip_address = excluded.ip_address,
    country = excluded.country,
    full_transcript_url = excluded.full_transcript_url,
    avg_response_time = excluded.avg_response_time,
    initial_msg = excluded.initial_msg,
    messages_sent = excluded.messages_sent,
    duration_seconds = excluded.duration_seconds,
    row_hash = excluded.row_hash,
    transcript_sha256 = excluded.transcript_sha256,
    transcript_hash = excluded.transcript_hash,
    stale = false,
    updated_at = excluded.updated_at
RETURNING sessions.id AS session_id, sessions.import_id
