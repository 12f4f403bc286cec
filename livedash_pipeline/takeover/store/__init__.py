"""Tables and statements of `takeover`: on the caller's connection or transaction; decisions are rules."""
