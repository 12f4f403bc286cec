"""Results written as CSV, JSON or XLSX, row by row."""
