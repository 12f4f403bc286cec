-- A group of sessions as the files have them.
CREATE TEMPORARY TABLE scratch_copies (
    import_id uuid NOT NULL,
    session_id uuid PRIMARY KEY,
    row_hash text NOT NULL,
    transcript_hash text,
    transcript_sha256 text,
    transcript text,
    initial_msg text,
    initial_message text,
    unread text,
    extra text
) ON COMMIT DROP
