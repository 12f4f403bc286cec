"""What the stand-in answers to a chat completion, by rules or from another server. Batches are `batches`."""
