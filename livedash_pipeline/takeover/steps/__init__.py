"""Steps that read, decide, write and report of `takeover`: no Dagster and no HTTP framework."""
