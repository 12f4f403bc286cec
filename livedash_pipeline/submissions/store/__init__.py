"""Tables and statements of `submissions`: on the caller's connection or transaction; decisions are rules."""
