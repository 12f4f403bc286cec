"""Steps that read, decide, write and report of `ledger`: no Dagster and no HTTP framework."""
