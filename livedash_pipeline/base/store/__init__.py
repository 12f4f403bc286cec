"""Tables and statements of `base`: on the caller's connection or transaction; decisions are rules."""
