"""Steps that read, decide, write and report of `overview`: no Dagster and no HTTP framework."""
