-- In the order of `takeover.store.chats`.
COPY moved_questions (
    chat, position, content
) FROM STDIN
