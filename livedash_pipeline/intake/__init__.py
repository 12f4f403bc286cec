"""From a company's CSV and transcripts to sessions and messages."""
