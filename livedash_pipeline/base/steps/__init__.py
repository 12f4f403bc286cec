"""Steps that read, decide, write and report of `base`: no Dagster and no HTTP framework."""
