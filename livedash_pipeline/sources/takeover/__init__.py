"""The old system's database, read only."""
