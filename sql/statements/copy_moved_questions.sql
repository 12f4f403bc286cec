-- In the order of `db.livedash_chats`.
COPY moved_questions (
    chat, position, content
) FROM STDIN
