"""Tables and statements of `overview`: on the caller's connection or transaction; decisions are rules."""
