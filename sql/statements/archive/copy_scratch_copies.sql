COPY scratch_copies (
    import_id, session_id, row_hash, transcript_hash, transcript_sha256, transcript, initial_msg, initial_message, unread, extra
) FROM STDIN
