"""Tables and statements of `access`: on the caller's connection or transaction; decisions are rules."""
