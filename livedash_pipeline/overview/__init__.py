"""Overviews for people, and what they do in answer: states, failures, retries, exports, checks and health."""
