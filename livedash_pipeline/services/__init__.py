"""Adapters for the services that answer requests, one folder each."""
