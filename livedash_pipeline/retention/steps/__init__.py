"""Steps that read, decide, write and report of `retention`: no Dagster and no HTTP framework."""
