"""Pure decisions of `analysis`: values in, values out; no clock, no environment, no I/O."""
