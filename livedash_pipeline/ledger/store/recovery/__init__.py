"""Rows that recovery takes over, surplus, and what was learned of an endpoint."""
