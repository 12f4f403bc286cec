COPY scratch_transcripts (
    import_id, url, row_hash, content, sha256, etag, replaced, error_code, error_message, permanent,
    stage_metadata
) FROM STDIN
