"""What people look at and do about it: states, failures, retries, exports, checks and health."""
