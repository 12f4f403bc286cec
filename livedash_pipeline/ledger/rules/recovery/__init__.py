"""Decisions about a batch whose create has no known outcome, and about its twins."""
