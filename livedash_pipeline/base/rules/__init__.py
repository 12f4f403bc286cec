"""Pure decisions of `base`: values in, values out; no clock, no environment, no I/O."""
