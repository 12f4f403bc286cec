"""Rows beside the ledger: what is added to costs later."""
