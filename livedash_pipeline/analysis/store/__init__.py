"""Tables and statements of `analysis`: on the caller's connection or transaction; decisions are rules."""
