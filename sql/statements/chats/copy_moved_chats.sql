COPY chats (
    batch_id, source_chat_id, item_index, source_line, turns, state, outcome_code, error_message, started_at, completed_at,
    legacy_id
) FROM STDIN
