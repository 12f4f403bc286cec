"""Purchases by single calls: written down before the call, settled after it."""
