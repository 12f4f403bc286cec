"""Tools for one machine with nothing installed: Batch API server, sample data, demo, dev."""
