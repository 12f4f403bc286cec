"""Tables and statements of `retention`: on the caller's connection or transaction; decisions are rules."""
