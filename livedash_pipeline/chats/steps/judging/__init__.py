"""A model that judges whether two answers mean the same: its kind of request, and who asks for it."""
