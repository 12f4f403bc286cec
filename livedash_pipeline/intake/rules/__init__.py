"""Pure decisions of `intake`: values in, values out; no clock, no environment, no I/O."""
