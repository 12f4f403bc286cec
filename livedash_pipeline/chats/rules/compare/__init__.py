"""Two answers to one question: are they the same, and if not, what differs."""
