"""Reads for operators who look at the whole pipeline: on the caller's connection."""
