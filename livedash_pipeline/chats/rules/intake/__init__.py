"""How a file of questions becomes rows: `read.read_chat_file` is the way in, `conversations.group_chats` the step after it."""
