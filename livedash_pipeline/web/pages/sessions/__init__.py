"""Sessions: searching them, one of them with its stages and requests, its chat, and what can be done about it."""
