"""Steps that read, decide, write and report of `submissions`: no Dagster and no HTTP framework."""
