"""Rows that recovery takes over, surplus, and the observed behaviour of endpoints."""
