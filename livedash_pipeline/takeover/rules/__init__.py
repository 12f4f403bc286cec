"""Pure decisions of `takeover`: values in, values out; no clock, no environment, no I/O."""
