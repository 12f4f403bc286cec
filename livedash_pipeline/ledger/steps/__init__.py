"""Steps of `ledger` that read, decide, write and report; without Dagster and HTTP framework."""
