COPY messages (session_id, position, role, content, sent_at) FROM STDIN
