"""`livedash chat-batch`: lists of questions, from a file to its answers."""
