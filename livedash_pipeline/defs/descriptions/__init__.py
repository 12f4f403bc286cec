"""What assets say of themselves in the UI before anything has run: columns, their origins, table, code and docs."""
