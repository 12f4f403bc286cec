"""The embedded PostgreSQL server: its binaries, its files, its process."""
