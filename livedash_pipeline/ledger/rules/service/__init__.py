"""Readers of a service's batches, words and failures."""
