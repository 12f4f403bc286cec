-- In the order of `takeover.store.chats`.
COPY scratch_questions (
    chat, position, content
) FROM STDIN
