"""Steps that read, decide, write and report of `archive`: no Dagster and no HTTP framework."""
