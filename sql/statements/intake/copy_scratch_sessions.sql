COPY scratch_sessions (
    import_id, start_time, end_time, ip_address, country, full_transcript_url, avg_response_time, initial_msg,
    messages_sent, duration_seconds, row_hash, transcript_sha256, transcript_hash, error_message, stage_metadata
) FROM STDIN
