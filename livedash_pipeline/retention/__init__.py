"""What is deleted, by age or on request."""
