"""Rows and files of `archive`: statements on the caller's transaction, and Parquet files with their manifest."""
