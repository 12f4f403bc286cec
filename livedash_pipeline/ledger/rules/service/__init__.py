"""How a service's batches, words and failures are read."""
