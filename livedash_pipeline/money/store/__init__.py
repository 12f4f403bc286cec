"""Tables and statements of `money`: on the caller's connection or transaction; decisions are rules."""
