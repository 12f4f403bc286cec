"""Requests and batches: claims, leases, cancels, listings."""
