"""Polling, and taking results in."""
