"""Making batches, working on them, ending them, and writing their results."""
