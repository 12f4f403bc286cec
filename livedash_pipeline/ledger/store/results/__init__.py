"""Observations, finished batches and their settlement."""
