CREATE TEMPORARY TABLE scratch_message_copies (
    session_id uuid NOT NULL,
    position integer NOT NULL,
    role text NOT NULL,
    content text,
    sent_at timestamptz,
    PRIMARY KEY (session_id, position)
) ON COMMIT DROP
