"""Tables and statements of `ledger`: on the caller's connection or transaction; decisions are rules."""
