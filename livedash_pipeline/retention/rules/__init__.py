"""Pure decisions of `retention`: values in, values out; no clock, no environment, no I/O."""
