-- Writes the columns that follow from row and messages; those of the analysis stay until a new answer comes.
INSERT INTO sessions (
    company_id, import_id, start_time, end_time, ip_address, country, full_transcript_url, avg_response_time,
    initial_msg, messages_sent, duration_seconds, row_hash, transcript_sha256, transcript_hash, stale,
    created_at, updated_at
)
SELECT
    :company_id,
    staged.import_id,
    staged.start_time,
    staged.end_time,
    staged.ip_address,
    staged.country,
    staged.full_transcript_url,
    staged.avg_response_time,
    staged.initial_msg,
    staged.messages_sent,
    staged.duration_seconds,
    staged.row_hash,
    staged.transcript_sha256,
    staged.transcript_hash,
    false,
    :now,
    :now
FROM scratch_sessions AS staged
WHERE staged.error_message IS null
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
