"""Pure decisions of `access`: values in, values out; no clock, no environment, no I/O."""
