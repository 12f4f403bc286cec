CREATE TEMPORARY TABLE scratch_request_copies (
    id uuid PRIMARY KEY,
    session_id uuid NOT NULL,
    input_hash text NOT NULL,
    raw_answer text,
    parsed_answer text
) ON COMMIT DROP
