"""Postgres: tables, connections, and functions that run one statement or one transaction.

Add storage here; decisions belong in `core`.
"""
