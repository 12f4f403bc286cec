-- Sessions of one chunk on their way into `sessions`, and what their stage is to say; gone with the transaction. A
-- refused transcript has its message and no times. COPY into it costs a third of what arrays as parameters do.
CREATE TEMPORARY TABLE scratch_sessions (
    import_id uuid NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    ip_address text,
    country text,
    full_transcript_url text,
    avg_response_time numeric,
    initial_msg text,
    messages_sent integer,
    duration_seconds integer,
    row_hash text,
    transcript_sha256 text,
    transcript_hash text,
    error_message text,
    stage_metadata jsonb NOT NULL
) ON COMMIT DROP
