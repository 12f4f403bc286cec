-- In the order of `takeover.store.chats`.
COPY scratch_stages (
    chat, stage, status, error_message, retry_count, started_at, completed_at, metadata
) FROM STDIN
