"""What a results file holds: its columns, and each row as cells and as a document."""
