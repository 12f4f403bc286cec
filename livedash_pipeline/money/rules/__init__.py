"""Pure decisions of `money`: values in, values out; no clock, no environment, no I/O."""
