"""What runs on one machine with nothing installed: embedded Postgres, Batch API server, sample data, demo, dev."""
