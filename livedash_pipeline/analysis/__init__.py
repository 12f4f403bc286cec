"""The question about each session, and its answer: the first kind of request."""
