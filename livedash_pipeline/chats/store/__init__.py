"""Rows of batches, conversations, turns, and of what a search may find."""
