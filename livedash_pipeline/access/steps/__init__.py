"""Steps that read, decide, write and report of `access`: no Dagster and no HTTP framework."""
