COPY chats (batch_id, source_chat_id, item_index, source_line, turns) FROM STDIN
