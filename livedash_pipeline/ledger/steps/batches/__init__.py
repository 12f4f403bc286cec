"""Submitting, cancelling and listing batches and requests."""
