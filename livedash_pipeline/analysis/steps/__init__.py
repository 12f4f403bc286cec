"""Steps that read, decide, write and report of `analysis`: no Dagster and no HTTP framework."""
