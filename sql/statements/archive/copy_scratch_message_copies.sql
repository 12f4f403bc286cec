COPY scratch_message_copies (session_id, position, role, content, sent_at) FROM STDIN
