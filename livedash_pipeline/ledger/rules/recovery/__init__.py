"""What is believed of a batch whose create has no known outcome, and of its twins."""
