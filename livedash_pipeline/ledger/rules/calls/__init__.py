"""What a single call's end means."""
