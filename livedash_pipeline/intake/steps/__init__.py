"""Steps that read, decide, write and report of `intake`: no Dagster and no HTTP framework."""
