"""Pure decisions of `overview`: values in, values out; no clock, no environment, no I/O."""
