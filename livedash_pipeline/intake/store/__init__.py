"""Tables and statements of `intake`: on the caller's connection or transaction; decisions are rules."""
