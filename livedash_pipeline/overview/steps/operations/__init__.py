"""What operators look at, in parts that are computed and kept apart: no Dagster and no HTTP framework."""
