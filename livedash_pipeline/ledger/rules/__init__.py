"""Pure decisions of `ledger`: values in, values out; no clock, no environment, no I/O."""
