"""Steps that read, decide, write and report of `money`: no Dagster and no HTTP framework."""
