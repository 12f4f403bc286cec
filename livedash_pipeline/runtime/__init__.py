"""The surroundings that a process runs in: settings, databases, Dagster's home."""
