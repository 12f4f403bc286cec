-- Stages of moved chats; those that are PENDING without a history are among them, though an absent row says the same.
CREATE TEMPORARY TABLE IF NOT EXISTS scratch_stages (
    chat integer NOT NULL,
    stage text NOT NULL,
    status text NOT NULL,
    error_message text,
    retry_count integer NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    metadata jsonb NOT NULL,
    PRIMARY KEY (chat, stage)
) ON COMMIT DROP
