"""Buys one answer by one call, under the same holds, pauses, prices and cap as batches."""
